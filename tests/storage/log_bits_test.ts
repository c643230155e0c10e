import { assert, assertEquals } from "@std/assert";
import type { MessageLog } from "../../src/log/message_log.ts";
import { RECORD_HEADER_BYTES } from "../../src/log/record.ts";
import { collect, entry, store, textOf } from "../helpers/log_entries.ts";
import { type LogSetUp, setUpLog } from "../helpers/log_set_up.ts";
import type { SimDisk } from "../helpers/log_sim_files.ts";
import { settle } from "../helpers/manual_clock.ts";
import { SeededRandom } from "../helpers/seeded_random.ts";

/** How many bits are flipped, each in a log of its own. `REMBUS_FUZZ_FRAMES` sets it. */
const FLIPS = Math.min(20_000, Number(Deno.env.get("REMBUS_FUZZ_FRAMES") ?? 1_000));
const RECORDS = 60;

/** A log over several segments that was closed or killed. */
async function makeLog(end: "closed" | "killed"): Promise<SimDisk> {
  const { log, disk } = await setUpLog();
  const random = new SeededRandom(3);
  for (let i = 1; i <= RECORDS; i++) {
    const text = `${i} ${String.fromCharCode(97 + random.below(26)).repeat(random.below(1_500))}`;
    await store(log, entry(text, { topic: `t${i % 7}`, slot: i }));
  }
  for (let i = 0; i < 5; i++) await settle();
  if (end === "closed") await log.close();
  else disk.kill();
  return disk;
}

/** Everything that is served, in every way of reading. */
async function serveAll(log: MessageLog): Promise<Map<number, string>> {
  const served = new Map<number, string>();
  const times: bigint[] = [];
  const ways = [
    log.read({ from: { offset: 1 } }),
    log.read({ from: { offset: RECORDS / 2 } }),
    log.read({ from: { offset: 1 }, topics: (topic) => topic === "t3" }),
    log.last({ topics: () => true }),
  ];
  for (const way of ways) {
    for (const record of await collect(way)) {
      const shown = `${record.topic} ${record.slot} ${record.publisher} ${textOf(record)}`;
      assertEquals(served.get(record.offset) ?? shown, shown);
      served.set(record.offset, shown);
      times.push(record.recvNs);
    }
  }
  for (const recvNs of times) {
    const offset = await log.offsetAt(recvNs);
    // Where the record is damaged, it is the next one.
    assert(served.has(offset) || offset > RECORDS);
  }
  return served;
}

/** Whether somebody was told of what happened to the files. */
function isNoticed({ log, events }: LogSetUp): boolean {
  return log.status.damage.places > 0 || log.opened.cutBytes > 0 ||
    events.some(({ event }) => event === "log index rebuilt");
}

for (const end of ["closed", "killed"] as const) {
  Deno.test(`a random bit that changes in a log that was ${end} is noticed, and nothing wrong is served`, async () => {
    const original = await makeLog(end);
    const isCleanEnd = end === "closed";
    await using whole = await setUpLog({}, original.copy());
    const expected = await serveAll(whole.log);
    assertEquals([expected.size, isNoticed(whole)], [RECORDS, false]);
    const names = original.names;
    const sizes = names.map((name) => original.content(name).byteLength);
    const newest = names.findLast((name) => name.endsWith(".seg"));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    for (let seed = 1; seed <= FLIPS; seed++) {
      const random = new SeededRandom(seed);
      const disk = original.copy();
      let at = random.below(total);
      let file = 0;
      while (at >= (sizes[file] ?? Infinity)) at -= sizes[file++] ?? 0;
      const name = names[file] ?? "";
      disk.flip(name, at, 1 << random.below(8));
      await using setUp = await setUpLog({}, disk);
      const where = `seed ${seed}: ${name} at ${at}`;
      const served = await serveAll(setUp.log);
      for (const [offset, text] of served) assertEquals(text, expected.get(offset), where);
      const lost = RECORDS - served.size;
      // Without the end that a proper close leaves, damage in the last commit is a torn end.
      assert(lost <= 1, `${where}: ${lost} records lost`);
      // A proof that everything is durable says nothing any more when another segment follows.
      const isOldProof = name.endsWith(".seg") && name !== newest &&
        at >= (sizes[file] ?? 0) - RECORD_HEADER_BYTES;
      if (isOldProof) continue;
      assert(isNoticed(setUp) || isCleanEnd !== setUp.log.opened.isClean, `${where}: not noticed`);
    }
  });
}

/** Overwrites some bytes with zeros, noise, or bytes from elsewhere in the same file; or cuts the file. */
function spoil(disk: SimDisk, random: SeededRandom): string {
  const name = random.pick(disk.names);
  const content = disk.content(name).slice();
  const at = random.below(content.byteLength);
  const bytes = Math.min(1 + random.below(3_000), content.byteLength - at);
  const way = random.pick(["zeros", "noise", "elsewhere", "cut"] as const);
  const from = random.below(content.byteLength - bytes + 1);
  if (way === "zeros") content.fill(0, at, at + bytes);
  else if (way === "elsewhere") content.copyWithin(at, from, from + bytes);
  else if (way === "noise") { for (let i = 0; i < bytes; i++) content[at + i] = random.below(256); }
  disk.put(name, way === "cut" ? content.subarray(0, at) : content);
  return `${name} at ${at}, ${bytes} bytes of ${way}`;
}

Deno.test("whatever happens to the bytes of a log, it opens, serves nothing wrong, and goes on", async () => {
  const original = await makeLog("closed");
  await using whole = await setUpLog({}, original.copy());
  const expected = await serveAll(whole.log);
  for (let seed = 1; seed <= FLIPS / 2; seed++) {
    const random = new SeededRandom(seed);
    const disk = original.copy();
    const where = Array.from({ length: 1 + random.below(3) }, () => spoil(disk, random)).join("; ");
    try {
      await using setUp = await setUpLog({}, disk);
      const { log } = setUp;
      for (const [offset, text] of await serveAll(log)) assertEquals(text, expected.get(offset));
      const offset = await store(log, entry("more"));
      assert(offset > RECORDS);
      const [record] = await collect(log.read({ from: { offset } }));
      assertEquals(record === undefined ? "" : textOf(record), "more");
    } catch (error) {
      throw new Error(`seed ${seed}: ${where}`, { cause: error });
    }
  }
});
