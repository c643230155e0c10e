// Goal: no bytes that a peer sends as a data frame harm who reads it.
// Method: frames of other writers, damaged at random under a seed, read in every way. Each must give a frame or
// a `FrameError`, within a time and a memory that the bytes explain.

import { assert, assertEquals } from "@std/assert";
import { DataFrame } from "../../../src/frame/data_frame.ts";
import { FrameError } from "../../../src/frame/frame_error.ts";
import { frameVectors } from "../../helpers/frame_vectors.ts";
import { countFromEnv, mutate } from "../../helpers/mutate.ts";
import { SeededRandom } from "../../helpers/seeded_random.ts";

const SEED = countFromEnv("REMBUS_FUZZ_SEED", 20_261_124);
const FRAMES = countFromEnv("REMBUS_FUZZ_FRAMES", 10_000);
/** Far beyond what reading a frame of 10 KB takes, on a busy machine. */
const FRAME_MS_MAX = 2_000;
const GROWTH_BYTES_MAX = 512 * 1_024 * 1_024;

/** Numbers that lengths and offsets are wrong with. */
const NUMBERS = [0n, 1n, -1n, 7n, 2n ** 16n, 2n ** 31n - 1n, -(2n ** 31n), 2n ** 32n, 2n ** 40n];

/** Overwrites numbers in place, so that everything else stays where it was. */
function distort(frame: Uint8Array, random: SeededRandom): Uint8Array {
  const copy = frame.slice();
  const view = new DataView(copy.buffer);
  for (let left = 1 + random.below(3); left > 0; left--) {
    const width = random.pick([1, 2, 4, 8]);
    const at = random.below(Math.floor(copy.length / width)) * width;
    const small = BigInt(random.below(64));
    const number = random.below(2) === 0 ? small : random.pick(NUMBERS) + BigInt(random.below(3));
    if (width === 1) view.setUint8(at, Number(BigInt.asUintN(8, number)));
    else if (width === 2) view.setUint16(at, Number(BigInt.asUintN(16, number)), true);
    else if (width === 4) view.setUint32(at, Number(BigInt.asUintN(32, number)), true);
    else view.setBigUint64(at, BigInt.asUintN(64, number), true);
  }
  return copy;
}

async function outcomeOf(bytes: Uint8Array): Promise<"read" | "refused"> {
  try {
    const frame = new DataFrame(bytes);
    const rows = frame.rows();
    assertEquals(rows.length, frame.numRows);
    const table = await frame.table();
    // A frame without columns has rows, but a table of it has none.
    if (frame.names.length > 0) assertEquals(table.numRows, frame.numRows);
    frame.columns();
    return "read";
  } catch (error) {
    if (error instanceof FrameError) return "refused";
    throw error;
  }
}

Deno.test(`DataFrame survives ${FRAMES} damaged frames`, async () => {
  const random = new SeededRandom(SEED);
  const frames = [...(await frameVectors()).values()];
  const before = Deno.memoryUsage().rss;
  const outcomes = { read: 0, refused: 0 };
  for (let number = 0; number < FRAMES; number++) {
    const bytes = random.below(4) === 0
      ? mutate(random.pick(frames), { random, other: random.pick(frames) })
      : distort(random.pick(frames), random);
    const start = performance.now();
    try {
      outcomes[await outcomeOf(bytes)]++;
    } catch (cause) {
      throw new Error(`seed ${SEED}, frame ${number}: ${bytes.toBase64()}`, { cause });
    }
    assert(performance.now() - start < FRAME_MS_MAX, `seed ${SEED}, frame ${number} takes long`);
  }
  assert(Deno.memoryUsage().rss - before < GROWTH_BYTES_MAX, "memory grew");
  // Both sides are reached.
  assert(outcomes.read > FRAMES / 20 && outcomes.refused > FRAMES / 20, JSON.stringify(outcomes));
});
