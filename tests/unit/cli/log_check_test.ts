import { assert, assertEquals, assertRejects } from "@std/assert";
import { checkLog, isDamaged, type LogCheck } from "../../../src/cli/log_check.ts";
import { LogError } from "../../../src/log/errors.ts";
import { SYSTEM_CLOCK } from "../../../src/util/clock.ts";
import { append, entry, recordingLogger, store } from "../../helpers/log_entries.ts";
import { setUpLog } from "../../helpers/log_set_up.ts";
import { SimDisk } from "../../helpers/log_sim_files.ts";
import { settle } from "../../helpers/manual_clock.ts";

const FIRST = "0000000000000001.seg";
const FILL = "x".repeat(1_000);
/** A clock whose timers do not wait. */
const CLOCK = {
  ...SYSTEM_CLOCK,
  setTimer(callback: () => void) {
    queueMicrotask(callback);
    return { cancel: () => {} };
  },
};

async function check(disk: SimDisk): Promise<LogCheck & { readonly events: number }> {
  const { logger, events } = recordingLogger();
  const { signal } = new AbortController();
  const found = await checkLog({ files: disk.files(), logger, signal, clock: CLOCK });
  return { ...found, events: events.length };
}

/** The files of a log with these texts, whose writer is at work, or has closed it. */
async function diskWith(texts: readonly string[], end: "open" | "closed"): Promise<SimDisk> {
  await using setUp = await setUpLog();
  for (const text of texts) await store(setUp.log, entry(text));
  if (end === "closed") await setUp.log.close();
  return setUp.disk.copy();
}

function placeOf(disk: SimDisk, name: string, text: string): number {
  const at = new TextDecoder("latin1").decode(disk.content(name)).indexOf(text);
  assert(at >= 0);
  return at;
}

const LONG = Array.from({ length: 40 }, (_, i) => `${i} ${FILL}`);

for (const end of ["open", "closed"] as const) {
  Deno.test(`checkLog() finds nothing wrong with a log that is ${end}`, async () => {
    const found = await check(await diskWith(LONG, end));
    assertEquals(isDamaged(found), false);
    assertEquals([found.records, found.first, found.last, found.lost], [40, 1, 40, 0]);
    assert(found.files > 2 && found.bytes > 40_000);
    assertEquals([found.tornBytes, found.events], [0, 0]);
  });

  Deno.test(`checkLog() finds each damaged record of a log that is ${end}`, async () => {
    const disk = await diskWith(LONG, end);
    disk.flip(FIRST, placeOf(disk, FIRST, "temperature3 x"));
    disk.flip(FIRST, placeOf(disk, FIRST, "temperature7 x"));
    const found = await check(disk);
    assertEquals(isDamaged(found), true);
    assertEquals([found.records, found.damaged, found.lost, found.events], [38, 2, 2, 2]);
  });
}

Deno.test("checkLog() tells a torn tail, which is no damage", async () => {
  const disk = await diskWith(["a", "b", "c"], "open");
  disk.put(FIRST, disk.content(FIRST).subarray(0, placeOf(disk, FIRST, "temperaturec") + 5));
  const found = await check(disk);
  assertEquals([found.records, found.last], [2, 2]);
  assert(found.tornBytes > 0);
  assertEquals(isDamaged(found), false);
});

Deno.test("checkLog() misses what was cut off a log that was closed", async () => {
  const disk = await diskWith(["a", "b", "c"], "closed");
  disk.put(FIRST, disk.content(FIRST).subarray(0, placeOf(disk, FIRST, "temperaturec") + 5));
  const found = await check(disk);
  assertEquals([found.records, found.lost, isDamaged(found)], [2, 1, true]);
});

Deno.test("checkLog() finds a damaged last record of a log that was closed", async () => {
  const disk = await diskWith(["a", "b", "c"], "closed");
  disk.flip(FIRST, placeOf(disk, FIRST, "temperaturec"));
  const found = await check(disk);
  assertEquals([found.records, found.damaged, found.lost, found.tornBytes], [2, 1, 1, 0]);
});

Deno.test("checkLog() waits for a record that is being written", async () => {
  const disk = await diskWith(["a", "b", "c"], "open");
  const whole = disk.content(FIRST).slice();
  disk.put(FIRST, whole.subarray(0, placeOf(disk, FIRST, "temperaturec") + 5));
  const { logger } = recordingLogger();
  const { signal } = new AbortController();
  const clock = {
    ...CLOCK,
    setTimer(callback: () => void) {
      disk.put(FIRST, whole);
      return CLOCK.setTimer(callback);
    },
  };
  const found = await checkLog({ files: disk.files(), logger, signal, clock });
  assertEquals([found.records, found.tornBytes, isDamaged(found)], [3, 0, false]);
});

Deno.test("checkLog() finds damaged headers and indexes", async () => {
  const disk = await diskWith(LONG, "closed");
  const segments = disk.names.filter((name) => name.endsWith(".seg"));
  for (const name of segments) disk.flip(name, 20);
  disk.flip(FIRST.replace(".seg", ".idx"), 100);
  const found = await check(disk);
  assertEquals([found.records, found.damaged, found.indexes], [40, segments.length, 1]);
  assertEquals([found.lost, isDamaged(found)], [0, true]);
});

Deno.test("checkLog() finds a file that is missing, and one that was set aside", async () => {
  const disk = await diskWith(LONG, "closed");
  const [, second = ""] = disk.names.filter((name) => name.endsWith(".seg"));
  const content = disk.content(second).slice();
  await disk.files().remove(second);
  disk.put(`${second}.damaged`, content);
  const found = await check(disk);
  assertEquals([found.gaps, found.damaged, found.setAside], [1, 0, 1]);
  assertEquals(found.records + found.lost, 40);
});

Deno.test("checkLog() counts offsets that were given to refused records as nothing", async () => {
  await using setUp = await setUpLog();
  const { log, disk, clock } = setUp;
  await store(log, entry("a"));
  disk.fault = ({ method }) => {
    if (method !== "sync") return null;
    disk.fault = () => null;
    return { kind: "fail", reason: "EIO" };
  };
  await log.committed(append(log, entry("refused"))).catch(() => undefined);
  await clock.advance(60_000);
  for (let turn = 0; turn < 10; turn++) await settle();
  await store(log, entry("b"));
  const found = await check(disk.copy());
  assertEquals([found.records, found.lost, isDamaged(found)], [2, 0, false]);
});

Deno.test("checkLog() refuses a directory without a log", async () => {
  await assertRejects(() => check(new SimDisk()), LogError);
});
