import { assertEquals } from "@std/assert";
import type { LakeHealth } from "../../../src/lake/lake_options.ts";
import { dataHealth, HealthLog, lakeTrouble } from "../../../src/store/health.ts";
import { NotingLogger } from "../../helpers/noting_logger.ts";

const READY: LakeHealth = {
  state: "ready",
  fault: null,
  message: null,
  storage: "native",
  nextOffset: 1,
  restarts: 0,
  rows: 0,
  deadLetters: 0,
};

const LAKES: readonly (readonly [Partial<LakeHealth>, string | null])[] = [
  [{}, null],
  [{ state: "starting" }, null],
  [{ state: "starting", restarts: 1 }, "the process of the tables ended, and is started again"],
  [{ state: "restarting" }, "the process of the tables ended, and is started again"],
  [{ fault: "unavailable", message: "the disk is full" }, "the disk is full"],
  [{ state: "failed", fault: "other-log", message: "another log" }, "another log"],
];
for (const [given, wanted] of LAKES) {
  Deno.test(`lakeTrouble() of ${JSON.stringify(given)} is ${wanted}`, () => {
    assertEquals(lakeTrouble({ ...READY, ...given }), wanted);
  });
}

Deno.test("dataHealth() is red for the first part that is, and green when none is", () => {
  const green = { log: null, state: { kind: "green" }, lake: READY } as const;
  assertEquals(dataHealth(green), { overall: "green", reason: null, ...green });
  const { overall, reason } = dataHealth({ ...green, state: { kind: "red", reason: "full" } });
  assertEquals([overall, reason], ["red", "full"]);
});

Deno.test("HealthLog tells each change once, and none while the node closes", () => {
  const logger = new NotingLogger();
  const log = new HealthLog(logger);
  log.note("log", null);
  log.note("log", "full");
  log.note("log", "full");
  log.note("tables", "gone");
  log.note("log", null);
  assertEquals(logger.events, [
    "error health changed",
    "error health changed",
    "warn health changed",
  ]);
  log.close();
  log.note("log", "closed");
  assertEquals(logger.events.length, 3);
});
