import { assert, assertEquals } from "@std/assert";
import { RECORD_HEADER_BYTES } from "../../src/log/record.ts";
import { append, collect, entry, store, textOf } from "../helpers/log_entries.ts";
import { setUpLog } from "../helpers/log_set_up.ts";
import type { SimDisk } from "../helpers/log_sim_files.ts";

const NAME = "0000000000000001.seg";
const TEXTS = ["first", "second", "the last record, which is cut"];

/** A log of three records, killed before it could write that all is durable. */
async function killedLog(): Promise<SimDisk> {
  const { log, disk } = await setUpLog();
  for (const text of TEXTS.slice(0, 2)) await store(log, entry(text));
  let writes = 0;
  disk.fault = ({ method }) =>
    method === "write" && ++writes > 1 ? { kind: "wait", until: new Promise(() => {}) } : null;
  append(log, entry(TEXTS[2] ?? ""));
  await log.flush();
  disk.kill();
  disk.fault = () => null;
  return disk;
}

/** Opens the log; the texts in it, before and after one more is stored. */
async function reopen(disk: SimDisk): Promise<{ texts: string[]; cut: number; damages: number }> {
  await using setUp = await setUpLog({}, disk);
  const { log } = setUp;
  const texts = (await collect(log.read({ from: { offset: 1 } }))).map(textOf);
  await store(log, entry("more"));
  const after = (await collect(log.read({ from: { offset: 1 } }))).map(textOf);
  assertEquals(after, [...texts, "more"]);
  return { texts, cut: log.opened.cutBytes, damages: log.status.damage.places };
}

Deno.test("a log whose last record is cut at any byte opens with the others, and goes on", async () => {
  const disk = await killedLog();
  const content = disk.content(NAME).slice();
  const text = new TextDecoder("latin1").decode(content);
  const start = text.indexOf(`sensortown/temperature${TEXTS[2]}`) - RECORD_HEADER_BYTES;
  assert(start > 8_192);
  for (let bytes = start; bytes < content.byteLength; bytes++) {
    disk.put(NAME, content.subarray(0, bytes));
    const { texts, cut, damages } = await reopen(disk.copy());
    assertEquals(texts, TEXTS.slice(0, 2), `cut at ${bytes}`);
    assertEquals([cut, damages], [bytes - start, 0], `cut at ${bytes}`);
  }
  disk.put(NAME, content);
  assertEquals((await reopen(disk)).texts, TEXTS);
});

Deno.test("a log that is cut at any byte opens with the records in front of it", async () => {
  const disk = await killedLog();
  const content = disk.content(NAME).slice();
  let before = 0;
  for (let bytes = 8_192; bytes <= content.byteLength; bytes++) {
    disk.put(NAME, content.subarray(0, bytes));
    const { texts } = await reopen(disk.copy());
    assertEquals(texts, TEXTS.slice(0, texts.length));
    assert(texts.length >= before, `cut at ${bytes}`);
    before = texts.length;
  }
  assertEquals(before, TEXTS.length);
});

Deno.test("a closed log whose newest segment is cut at any byte serves nothing wrong", async () => {
  const { log, disk } = await setUpLog();
  for (const text of TEXTS) await store(log, entry(text));
  await log.close();
  const content = disk.content(NAME).slice();
  for (let bytes = 8_192; bytes < content.byteLength; bytes++) {
    const cut = disk.copy();
    cut.put(NAME, content.subarray(0, bytes));
    await using setUp = await setUpLog({}, cut);
    const texts = (await collect(setUp.log.read({ from: { offset: 1 } }))).map(textOf);
    assertEquals(texts, TEXTS.slice(0, texts.length));
    assertEquals(setUp.log.opened.isClean, false);
  }
});
