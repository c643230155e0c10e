// Goal: every message below the stored offset is in its table exactly once, whenever the process dies.
// Method: a child that follows a made log is killed at random points, again and again; then the tables must
// say exactly what the log says up to the offset that they hold. REMBUS_LAKE_KILLS is the count of kills.
import { assertEquals } from "@std/assert";
import { checkSchema } from "../../src/lake/schema.ts";
import { eventually } from "../helpers/eventually.ts";
import { startLake } from "../helpers/lake_child.ts";
import { README_SCHEMA } from "../helpers/lake_schema.ts";
import { madeTruth } from "../helpers/lake_source.ts";
import {
  type StorageName,
  type StoragePlace,
  STORAGES,
  testOnStorages,
} from "../helpers/lake_storages.ts";
import { openStore } from "../helpers/lake_store.ts";
import { countFromEnv } from "../helpers/mutate.ts";
import { SeededRandom } from "../helpers/seeded_random.ts";

const KILLS = countFromEnv("REMBUS_LAKE_KILLS", 5);
/**
 * Part of the kills that each storage gets, and the longest life of a process, in milliseconds: one of
 * DuckLake takes longer to start and to commit, and is started after growing pauses when it stored nothing.
 */
const ROUNDS: Readonly<Record<StorageName, { readonly share: number; readonly lifeMs: number }>> = {
  "native": { share: 1, lifeMs: 300 },
  "DuckLake": { share: 0.1, lifeMs: 1_500 },
  "DuckLake in SQLite": { share: 0.05, lifeMs: 1_500 },
  "DuckLake in Postgres": { share: 0.05, lifeMs: 1_500 },
};
const schema = checkSchema(README_SCHEMA);
const SEED = countFromEnv("REMBUS_LAKE_SEED", 1);
/** Processes that die before they store anything are started again after growing pauses. */
const RESTART_MS_MAX = 90_000;

async function killRounds(
  { directory, disk }: StoragePlace,
  { share, lifeMs }: { readonly share: number; readonly lifeMs: number },
): Promise<void> {
  const kills = Math.ceil(KILLS * share);
  print(`seed ${SEED}, ${kills} kills`);
  const random = new SeededRandom(SEED);
  let end = 1;
  {
    await using started = startLake(directory, { durableEnd: 1, disk });
    const { lake, processes } = started;
    for (let round = 0; round < kills; round++) {
      await eventually(() => assertEquals(lake.health.state, "ready"), RESTART_MS_MAX);
      end += 200 + random.below(10_000);
      lake.durable(end);
      // The point in time is the point of the test: anywhere in reading, appending and committing.
      await new Promise((resolve) => setTimeout(resolve, random.below(lifeMs)));
      processes.at(-1)?.kill();
      await eventually(() => assertEquals(lake.health.state !== "ready", true));
    }
    await eventually(() => assertEquals(lake.health.nextOffset, end), RESTART_MS_MAX);
  }
  const truth = madeTruth(end);
  await using opened = await openStore(schema, { storage: disk, threads: 2 });
  const { store: { writer }, all } = opened;
  // Offsets, in order: a difference shows which one is missing or there twice.
  const telemetry = await writer.rows("SELECT temperature FROM telemetry ORDER BY temperature");
  assertEquals(telemetry.map(([offset]) => offset), truth.telemetry, `seed ${SEED}`);
  const sensor = await all("sensor");
  assertEquals(
    sensor.map(([site, , dn]) => [dn, site]).sort(([a], [b]) => `${a}` < `${b}` ? -1 : 1),
    truth.sensor,
    `seed ${SEED}`,
  );
  const letters = await all("__dead_letter");
  assertEquals(letters.map((row) => Number(row[1])), truth.bad, `seed ${SEED}`);
}

for (const storage of STORAGES) {
  testOnStorages(
    "Lake holds every row exactly once after its process was killed at random points",
    (place) => killRounds(place, ROUNDS[storage]),
    [storage],
  );
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
