// Goal: every message below the stored offset is in its table exactly once, whenever the process dies.
// Method: a child that follows a made log is killed at random points, again and again; then the tables must
// say exactly what the log says up to the offset that they hold. REMBUS_LAKE_KILLS is the count of kills.
import { assertEquals } from "@std/assert";
import { tableFromIPC } from "npm:@uwdata/flechette@2.6.0";
import { encodeCbor } from "../../src/protocol/cbor.ts";
import type { DiskStorageOptions } from "../../src/lake/storage_options.ts";
import { eventually } from "../helpers/eventually.ts";
import { startLake } from "../helpers/lake_child.ts";
import { temporaryDirectory } from "../helpers/lake_directory.ts";
import { EXTENSIONS } from "../helpers/lake_extensions.ts";
import { madeTruth } from "../helpers/lake_source.ts";
import { countFromEnv } from "../helpers/mutate.ts";
import { testNeeding } from "../helpers/needs.ts";
import { SeededRandom } from "../helpers/seeded_random.ts";

const KILLS = countFromEnv("REMBUS_LAKE_KILLS", 5);
const SEED = countFromEnv("REMBUS_LAKE_SEED", 1);
/** Longest life of a process before it is killed, in milliseconds. */
const LIFE_MS_MAX = 500;

/** Processes that die before they store anything are started again after growing pauses. */
const RESTART_MS_MAX = 90_000;

async function killRounds(disk: Partial<DiskStorageOptions>, kills: number): Promise<void> {
  const random = new SeededRandom(SEED);
  await using directory = await temporaryDirectory();
  await using started = startLake(directory.path, { durableEnd: 1, disk });
  const { lake, processes } = started;
  let end = 1;
  for (let round = 0; round < kills; round++) {
    await eventually(() => assertEquals(lake.health.state, "ready"), RESTART_MS_MAX);
    end += 2_000 + random.below(20_000);
    lake.durable(end);
    // The point in time is the point of the test: anywhere in reading, appending and committing.
    await new Promise((resolve) => setTimeout(resolve, random.below(LIFE_MS_MAX)));
    processes.at(-1)?.kill();
    await eventually(() => assertEquals(lake.health.state !== "ready", true));
  }
  await eventually(() => assertEquals(lake.health.nextOffset, end), RESTART_MS_MAX);
  const truth = madeTruth(end);
  const ask = async (table: string, options: Record<string, unknown>) => {
    const bytes = await lake.query(table, encodeCbor([options]), { after: end });
    return tableFromIPC(bytes.slice(), { useBigInt: true });
  };
  const telemetry = await ask("telemetry", { cols: "temperature", order: "temperature" });
  assertEquals(telemetry.numRows, truth.telemetry.length, `seed ${SEED}`);
  assertEquals([...telemetry.getChildAt(0)], truth.telemetry, `seed ${SEED}`);
  const sensor = await ask("sensor", { cols: ["dn", "site"], order: "dn" });
  assertEquals(
    Array.from(
      { length: sensor.numRows },
      (_, i) => [sensor.getChildAt(0).at(i), sensor.getChildAt(1).at(i)],
    ),
    truth.sensor,
    `seed ${SEED}`,
  );
}

Deno.test("Lake holds every row exactly once after its process was killed at random points", async () => {
  await killRounds({}, KILLS);
});

testNeeding(
  EXTENSIONS,
  "Lake holds every row exactly once in DuckLake after its process was killed at random points",
  (extensionDirectory) => killRounds({ storage: "ducklake", extensionDirectory }, KILLS),
);
