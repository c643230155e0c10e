import { assert, assertEquals } from "@std/assert";
import { PROBE_MS_MAX } from "../../src/log/limits.ts";
import type { MessageLog } from "../../src/log/message_log.ts";
import { LogModel } from "../helpers/log_model.ts";
import { setUpLog } from "../helpers/log_set_up.ts";
import { SimDisk, type SimFault, WRITING_METHODS } from "../helpers/log_sim_files.ts";
import { ManualClock, settle } from "../helpers/manual_clock.ts";
import { SeededRandom } from "../helpers/seeded_random.ts";

/*
 * One scripted life of a log: it is opened where another was killed, takes messages over several segments, drops
 * old ones, and is closed. It is lived again and again, each time with a fault at another call to the files. The
 * promises must hold, and the log must work again without being opened anew.
 */

const RETENTION = { retentionBytes: 6 * 16 * 1024 };
const BATCHES = 12;
const ROUNDS_TO_RECOVER = 40;

/** A disk with a log that was killed while it wrote. */
async function usedDisk(model: LogModel, clock: ManualClock): Promise<SimDisk> {
  const disk = new SimDisk();
  const { log } = await setUpLog(RETENTION, disk, clock);
  const random = new SeededRandom(5);
  for (let i = 0; i < 30; i++) model.append(log, random);
  await log.flush();
  for (let i = 0; i < 10; i++) model.append(log, random);
  await settle();
  disk.kill();
  return disk;
}

async function recover(log: MessageLog, clock: ManualClock): Promise<void> {
  for (let i = 0; log.health.kind === "red" && i < ROUNDS_TO_RECOVER; i++) {
    await clock.advance(PROBE_MS_MAX);
    for (let j = 0; j < 5; j++) await settle();
  }
  assertEquals(log.health, { kind: "green" });
}

interface Life {
  readonly model: LogModel;
  readonly calls: number;
  readonly names: readonly string[];
}

async function live(fault: SimDisk["fault"], heal: () => void = () => {}): Promise<Life> {
  const clock = new ManualClock();
  const model = new LogModel();
  const disk = await usedDisk(model, clock);
  const random = new SeededRandom(6);
  const names: string[] = [];
  const start = disk.calls;
  disk.fault = (call) => {
    names.push(call.method);
    return fault({ ...call, index: call.index - start });
  };
  model.beginLife();
  const { log } = await setUpLog(RETENTION, disk, clock);
  for (let batch = 0; batch < BATCHES; batch++) {
    for (let i = 0; i < 8; i++) model.append(log, random);
    await settle();
    await settle();
    model.noteGreen(log);
    if (batch === BATCHES / 2) {
      heal();
      await recover(log, clock);
    }
  }
  await recover(log, clock);
  model.noteGreen(log);
  await model.check(log, { isRetained: true });
  await log.close();
  const calls = disk.calls - start;
  disk.fault = () => null;
  const again = await setUpLog(RETENTION, disk, clock);
  await model.check(again.log, { isRetained: true });
  await again.log.close();
  return { model, calls, names };
}

async function faultAtEach(
  faultAt: (index: number, at: number) => SimFault | null,
): Promise<{ refused: number; acknowledged: number }> {
  const { calls, names } = await live(() => null);
  assert(calls > 100, `only ${calls} calls`);
  let refused = 0;
  let acknowledged = 0;
  for (let at = 0; at < calls; at++) {
    if (!WRITING_METHODS.has(names[at] ?? "")) continue;
    let isHealed = false;
    try {
      const life = await live(
        ({ index, method }) => isHealed || !WRITING_METHODS.has(method) ? null : faultAt(index, at),
        () => isHealed = true,
      );
      refused += life.model.refused;
      acknowledged += life.model.acknowledged;
    } catch (error) {
      throw new Error(`fault at call ${at}, ${names[at]}`, { cause: error });
    }
  }
  return { refused, acknowledged };
}

for (const reason of ["EIO", "ENOSPC"]) {
  Deno.test(`${reason} at any one call that writes: promises hold, and the log recovers by itself`, async () => {
    const { refused, acknowledged } = await faultAtEach((index, at) =>
      index === at ? { kind: "fail", reason, taken: 100 } : null
    );
    assert(refused > 50 && acknowledged > 1_000);
  });

  Deno.test(`${reason} at each call from any one on, until the disk is well: the same`, async () => {
    const { refused, acknowledged } = await faultAtEach((index, at) =>
      index >= at ? { kind: "fail", reason, taken: 7 } : null
    );
    assert(refused > 50 && acknowledged > 1_000);
  });
}

Deno.test("a start that cannot read rejects, changes nothing, and succeeds when it can", async () => {
  for (let at = 0; at < 12; at++) {
    const clock = new ManualClock();
    const model = new LogModel();
    const disk = await usedDisk(model, clock);
    const start = disk.calls;
    disk.fault = ({ index, method }) =>
      !WRITING_METHODS.has(method) && index === start + at ? { kind: "fail", reason: "EIO" } : null;
    try {
      const { log } = await setUpLog(RETENTION, disk, clock);
      await log.close();
    } catch (error) {
      assert(error instanceof Error && error.message.includes("EIO"));
    }
    disk.kill();
    disk.fault = () => null;
    model.beginLife();
    const { log } = await setUpLog(RETENTION, disk, clock);
    await model.check(log);
    await log.close();
  }
});
