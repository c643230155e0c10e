import { assert, assertEquals, assertRejects } from "@std/assert";
import { LogError } from "../../../src/log/errors.ts";
import { QUEUE_RECORDS_MAX } from "../../../src/log/limits.ts";
import { RECORD_HEADER_BYTES } from "../../../src/log/record.ts";
import { RECORDS_AT } from "../../../src/log/segment_header.ts";
import { append, entry, readTexts, store } from "../../helpers/log_entries.ts";
import { type LogSetUp, setUpLog } from "../../helpers/log_set_up.ts";
import { SimDisk } from "../../helpers/log_sim_files.ts";

const FIRST = "0000000000000001.seg";
const FIRST_INDEX = "0000000000000001.idx";
const LONG = "x".repeat(1_000);

/** A disk with a log of these texts, one commit each, that was closed or killed. */
async function diskWith(
  texts: readonly string[],
  end: "closed" | "killed" = "closed",
): Promise<SimDisk> {
  const { log, disk } = await setUpLog();
  for (const text of texts) await store(log, entry(text));
  if (end === "closed") await log.close();
  else disk.kill();
  return disk;
}

/** Where a text begins in a file. */
function placeOf(disk: SimDisk, name: string, text: string): number {
  const content = new TextDecoder("latin1").decode(disk.content(name));
  const at = content.indexOf(text);
  assert(at >= 0, `no ${text}`);
  return at;
}

function segmentsOf(disk: SimDisk): string[] {
  return disk.names.filter((name) => name.endsWith(".seg"));
}

Deno.test("a log that was closed opens without reading a segment's records", async () => {
  const disk = await diskWith(Array.from({ length: 40 }, () => LONG));
  let bytesRead = 0;
  disk.fault = ({ method, name }) => {
    if (method === "read" && name.endsWith(".seg")) bytesRead++;
    return null;
  };
  await using setUp = await setUpLog({}, disk);
  assertEquals([setUp.log.opened.isClean, setUp.log.opened.scannedBytes], [true, 0]);
  assert(bytesRead <= 1, "only a header");
  assertEquals((await readTexts(setUp.log)).length, 40);
});

Deno.test("a log that was killed is scanned in its newest segment only", async () => {
  const disk = await diskWith(Array.from({ length: 40 }, () => LONG), "killed");
  await using setUp = await setUpLog({}, disk);
  const { opened } = setUp.log;
  assertEquals([opened.isClean, opened.cutBytes, opened.skippedOffsets], [
    false,
    RECORD_HEADER_BYTES * 0,
    QUEUE_RECORDS_MAX,
  ]);
  assert(opened.scannedBytes > 0 && opened.scannedBytes < 20_000);
  assertEquals((await readTexts(setUp.log)).length, 40);
});

Deno.test("offsets are not given again when it ends uncleanly twice without a record", async () => {
  const disk = await diskWith(["a"], "killed");
  const first = await setUpLog({}, disk);
  const next = first.log.next;
  disk.kill();
  await using second = await setUpLog({}, disk);
  assertEquals(second.log.next, next + QUEUE_RECORDS_MAX);
  assertEquals(await readTexts(second.log), ["a"]);
});

Deno.test("a torn end is cut, reported, and written over", async () => {
  const disk = await diskWith(["a", "b"], "killed");
  const content = disk.content(FIRST);
  disk.put(FIRST, content.subarray(0, placeOf(disk, FIRST, "temperatureb") + 5));
  await using setUp = await setUpLog({}, disk);
  assertEquals(await readTexts(setUp.log), ["a"]);
  assert(setUp.log.opened.cutBytes > 0);
  await store(setUp.log, entry("c"));
  assertEquals(await readTexts(setUp.log), ["a", "c"]);
  assertEquals(setUp.log.status.damage.places, 0);
});

Deno.test("a damaged record in the middle is skipped, counted, reported and not served", async () => {
  const disk = await diskWith(["a", "b", "c"]);
  disk.flip(FIRST, placeOf(disk, FIRST, "temperatureb"));
  await using setUp = await setUpLog({}, disk);
  assertEquals(await readTexts(setUp.log), ["a", "c"]);
  assertEquals(await readTexts(setUp.log), ["a", "c"]);
  const { places, records, bytes } = setUp.log.status.damage;
  assertEquals([places, records], [1, 1]);
  assert(bytes > 0);
  const events = setUp.events.filter(({ event }) => event === "log damaged");
  assertEquals(events.map(({ fields }) => [fields.name, fields.from, fields.to]), [[FIRST, 2, 3]]);
});

Deno.test("a damaged length is passed over up to the next record", async () => {
  for (const change of [0x01, 0x08, 0xff]) {
    const disk = await diskWith(["a", "b", "c", "d"]);
    const at = placeOf(disk, FIRST, "sensortown/temperatureb") - RECORD_HEADER_BYTES + 8;
    disk.flip(FIRST, at, change);
    await using setUp = await setUpLog({}, disk);
    assertEquals(await readTexts(setUp.log), ["a", "c", "d"]);
  }
});

Deno.test("damage in front of a proof is damage, after a kill, too: acknowledged records stay", async () => {
  const disk = await diskWith(["a", "b", "c"], "killed");
  disk.flip(FIRST, placeOf(disk, FIRST, "temperatureb"));
  await using setUp = await setUpLog({}, disk);
  assertEquals(await readTexts(setUp.log), ["a", "c"]);
  assertEquals(setUp.log.opened.cutRecords, 0);
  assertEquals(setUp.log.status.damage.records, 1);
});

Deno.test("damage in the last commit, without a proof behind it, cuts the rest of that commit", async () => {
  const { log, disk } = await setUpLog();
  await store(log, entry("a"));
  // The proof behind the commit is what the disk does not get any more.
  let writes = 0;
  disk.fault = ({ method }) =>
    method === "write" && ++writes > 1 ? { kind: "wait", until: new Promise(() => {}) } : null;
  append(log, entry("b"));
  append(log, entry("c"));
  await log.flush();
  disk.kill();
  disk.fault = () => null;
  disk.flip(FIRST, placeOf(disk, FIRST, "temperatureb"));
  await using setUp = await setUpLog({}, disk);
  assertEquals(await readTexts(setUp.log), ["a"]);
  assertEquals(setUp.log.opened.cutRecords, 1);
});

Deno.test("damage behind the last proof of a sealed segment is damage", async () => {
  const disk = await diskWith(Array.from({ length: 40 }, (_, i) => `${i} ${LONG}`));
  const [first = "", second = ""] = segmentsOf(disk);
  const lastOfFirst = Number(second.slice(0, 16)) - 2;
  disk.flip(first, placeOf(disk, first, `temperature${lastOfFirst} `));
  await disk.files().remove(FIRST_INDEX);
  await using setUp = await setUpLog({}, disk);
  const texts = await readTexts(setUp.log);
  assertEquals(texts.length, 39);
  assertEquals(setUp.log.status.damage.records, 1);
});

Deno.test("an index that is missing, damaged or of another log is made anew", async () => {
  const spoil: readonly ((disk: SimDisk) => void | Promise<void>)[] = [
    (disk) => disk.files().remove(FIRST_INDEX),
    (disk) => disk.flip(FIRST_INDEX, 100),
    (disk) => disk.put(FIRST_INDEX, disk.content(FIRST_INDEX).slice(0, 50)),
  ];
  for (const change of spoil) {
    const disk = await diskWith(Array.from({ length: 40 }, (_, i) => `${i} ${LONG}`));
    await change(disk);
    await using setUp = await setUpLog({}, disk);
    const texts = await readTexts(setUp.log);
    assertEquals(texts.length, 40);
    const topics = (topic: string): boolean => topic === "none";
    for await (const { records } of setUp.log.read({ from: { offset: 1 }, topics })) {
      assertEquals(records, []);
    }
    assert(setUp.events.some(({ event }) => event === "log index rebuilt"));
    assert(disk.names.includes(FIRST_INDEX));
  }
});

Deno.test("one damaged header copy changes nothing, two are no harm while another segment has one", async () => {
  const disk = await diskWith(Array.from({ length: 40 }, (_, i) => `${i} ${LONG}`));
  const newest = segmentsOf(disk).at(-1) ?? "";
  disk.flip(newest, 20);
  disk.flip(newest, 4_096 + 20);
  disk.flip(FIRST, 20);
  await using setUp = await setUpLog({}, disk);
  assertEquals((await readTexts(setUp.log)).length, 40);
  await store(setUp.log, entry("more"));
  assertEquals((await readTexts(setUp.log)).length, 41);
  assert(setUp.events.some(({ event }) => event === "log damaged"));
});

Deno.test("files in which nothing is whole are set aside, and offsets go on behind them", async () => {
  const disk = await diskWith(["a"], "killed");
  for (const at of [20, 4_096 + 20]) disk.flip(FIRST, at);
  await using setUp = await setUpLog({}, disk);
  assertEquals(setUp.log.opened.setAside, [`${FIRST}.damaged`]);
  assert(setUp.log.next > QUEUE_RECORDS_MAX);
  await store(setUp.log, entry("b"));
  assertEquals(await readTexts(setUp.log), ["b"]);
  assert(disk.names.includes(`${FIRST}.damaged`));
});

Deno.test("a segment of a newer version is refused, whatever else is in the directory", async () => {
  const disk = await diskWith(["a"]);
  const { writeSegmentHeader } = await import("../../../src/log/segment_header.ts");
  const { crc32c } = await import("../../../src/log/crc32c.ts");
  const logId = "01234567-89ab-4def-8123-456789abcdef";
  const span = writeSegmentHeader({ logId, marker: 1, base: 2, startNs: 0n, createdMs: 0 });
  span.view.setUint16(8, 2, true);
  span.view.setInt32(4_092, crc32c(span.view, 0, 4_092), true);
  disk.put("0000000000000002.seg", span.bytes);
  const before = disk.names;
  const error = await assertRejects(() => setUpLog({}, disk), LogError, "format version 1 wanted");
  assertEquals(error.fault, "version");
  assertEquals(disk.names, before);
  // The lock was given back.
  await disk.files().remove("0000000000000002.seg");
  await using setUp = await setUpLog({}, disk);
  assertEquals(await readTexts(setUp.log), ["a"]);
});

Deno.test("a segment under a wrong name is refused, and told so", async () => {
  const disk = await diskWith(["a"], "killed");
  disk.put("0000000000000050.seg", disk.content(FIRST));
  const error = await assertRejects(() => setUpLog({}, disk), LogError, "0000000000000050.seg");
  assertEquals(error.fault, "foreign");
});

Deno.test("unfinished files and lonely indexes are removed; other files are left alone", async () => {
  const disk = await diskWith(["a"]);
  for (const name of ["0000000000000099.seg.tmp", "0000000000000099.idx", "notes.txt"]) {
    disk.put(name, new Uint8Array(3));
  }
  await using setUp = await setUpLog({}, disk);
  assertEquals(disk.names, [FIRST, "notes.txt"]);
  assertEquals(await readTexts(setUp.log), ["a"]);
});

Deno.test("a segment that was cut to its header or less loses its records and nothing else", async () => {
  for (const bytes of [0, 100, RECORDS_AT]) {
    const disk = await diskWith(Array.from({ length: 40 }, (_, i) => `${i} ${LONG}`));
    const [, second = ""] = segmentsOf(disk);
    disk.put(second, disk.content(second).slice(0, bytes));
    await using setUp = await setUpLog({}, disk);
    const texts = await readTexts(setUp.log);
    const lost = 40 - texts.length;
    assert(lost > 5 && lost < 20, `${lost} lost`);
    assertEquals(setUp.log.status.damage.records, lost);
  }
});

Deno.test("an empty log that is killed and opened again and again stays small", async () => {
  const disk = new SimDisk();
  let setUp: LogSetUp | null = null;
  for (let i = 0; i < 5; i++) {
    setUp = await setUpLog({}, disk);
    disk.kill();
  }
  assertEquals(segmentsOf(disk), [FIRST]);
  await using last = await setUpLog({}, disk);
  assertEquals(await store(last.log, entry("a")), (setUp?.log.next ?? 0) + QUEUE_RECORDS_MAX);
});
