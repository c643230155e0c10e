// Goal: a query sees every message that was acknowledged before it was sent, and what its own component published
// before it at QoS 0; `fresh: false` does not wait for that.
// Method: publishers, commands and queries in random order, none waited for before the next begins, against a model.
import { assert, assertEquals } from "@std/assert";
import type { Component } from "../../src/peer/api.ts";
import { LakeBus, queryRows } from "../helpers/lake_bus.ts";
import { type StorageName, testOnStorages } from "../helpers/lake_storages.ts";
import { countFromEnv } from "../helpers/mutate.ts";
import { SeededRandom } from "../helpers/seeded_random.ts";

const SCHEMA = { tables: [{ table: "seen", columns: [{ col: "n", type: "BIGINT" }] }] };
const STEPS = countFromEnv("REMBUS_READ_STEPS", 200);
/** Runs another seed. */
const SEED = countFromEnv("REMBUS_READ_SEED", 1);
const COMPONENTS = 3;
/** Every catalog of DuckLake goes the same way from the log to the query. */
const STORAGES: readonly StorageName[] = ["native", "DuckLake"];

/** What was said so far, and what any query that is sent now must show. */
class Model {
  /** All that was ever published or inserted, in order of the numbers. */
  published = 0;
  /** Acknowledged, and not being deleted. */
  readonly stored = new Set<number>();
  /** Sent to be deleted: a query on its way may show it, and may not. */
  readonly leaving = new Set<number>();
  /** Deleted, as it was acknowledged. */
  readonly gone = new Set<number>();
  /** Component -> what it published at QoS 0. */
  readonly unacknowledged = new Map<Component, number[]>();
  /** Operations under way. */
  readonly pending = new Set<Promise<void>>();
  /** Queries that were checked. */
  checked = 0;

  /** Adds an operation; what it fails with, fails the step that waits for it. */
  track(work: Promise<void>): void {
    const tracked: Promise<void> = work.finally(() => this.pending.delete(tracked));
    // Somebody waits for it later, at the end at the latest.
    tracked.catch(() => undefined);
    this.pending.add(tracked);
  }

  /** Sends a query now, and judges the answer by what was known now. */
  async query(from: Component): Promise<void> {
    const wanted = [...this.stored, ...this.unacknowledged.get(from) ?? []];
    const gone = [...this.gone];
    const answer = (await queryRows(from, "seen")).map(({ n }) => Number(n));
    const got = new Set(answer);
    assertEquals(answer.length, got.size, "a row came twice");
    const missing = wanted.filter((n) => !got.has(n) && !this.leaving.has(n));
    assertEquals(missing, [], "acknowledged, and not seen");
    assertEquals(gone.filter((n) => got.has(n)), [], "deleted, and seen");
    assert(answer.every((n) => n < this.published), "never published");
    this.checked++;
  }
}

async function step(model: Model, random: SeededRandom, from: Component): Promise<void> {
  const chance = random.float();
  if (chance < 0.5) return await publish(model, from, random.pick([0, 1, 2] as const));
  if (chance < 0.8) return model.track(model.query(from));
  if (chance < 0.85) return model.track(upsert(model, from));
  if (chance < 0.9) return remove(model, random, from);
  // Lets something end, so that what is known grows while other things are under way.
  await [...model.pending][random.below(Math.max(1, model.pending.size))];
}

async function publish(model: Model, from: Component, qos: 0 | 1 | 2): Promise<void> {
  const n = model.published++;
  const sent = from.with({ qos }).publish("seen", { n });
  if (qos > 0) return model.track(sent.then(() => void model.stored.add(n)));
  await sent;
  const numbers = model.unacknowledged.get(from) ?? [];
  model.unacknowledged.set(from, [...numbers, n]);
}

async function upsert(model: Model, from: Component): Promise<void> {
  const n = model.published++;
  await from.rpc("upsert_seen", { n });
  model.stored.add(n);
}

function remove(model: Model, random: SeededRandom, from: Component): void {
  if (model.stored.size === 0) return;
  const n = random.pick([...model.stored]);
  model.stored.delete(n);
  model.leaving.add(n);
  const deleted = from.rpc("delete_seen", { where: { col: "n", value: n } });
  model.track(deleted.then(() => void model.gone.add(n)));
}

testOnStorages(
  `a query sees every message acknowledged before it was sent, ${STEPS} steps of seed ${SEED}`,
  async (place) => {
    await using bus = await LakeBus.start(place, { schema: SCHEMA });
    const random = new SeededRandom(SEED);
    const model = new Model();
    const components = await Promise.all(
      Array.from({ length: COMPONENTS }, (_, i) => bus.connect(`c${i}`)),
    );
    for (let i = 0; i < STEPS; i++) await step(model, random, random.pick(components));
    await Promise.all(model.pending);
    for (const component of components) await model.query(component);
    assertEquals(
      (await queryRows(bus.node, "seen")).length,
      model.published - model.gone.size,
      "each is there once",
    );
    assert(model.checked > STEPS / 10, `only ${model.checked} queries were judged`);
  },
  STORAGES,
);

testOnStorages(
  "a query with fresh: false shows what is in the tables, and waits for nothing",
  async (place) => {
    await Deno.mkdir(`${place.directory}/broker`);
    // An hour between two transactions, unless somebody waits for one.
    await Deno.writeTextFile(
      `${place.directory}/broker/settings.json`,
      '{"archiver_interval": 3600}',
    );
    await using bus = await LakeBus.start(place, { schema: SCHEMA });
    const meter = (await bus.connect("meter")).with({ qos: 1 });
    const numbers = async (options: object) =>
      (await queryRows(meter, "seen", { order: "n", ...options })).map(({ n }) => n);
    await meter.publish("seen", { n: 1 });
    assertEquals(await numbers({}), [1]);
    await meter.publish("seen", { n: 2 });
    assertEquals(await numbers({ fresh: false }), [1]);
    assertEquals(await numbers({ fresh: true }), [1, 2]);
    assertEquals(await numbers({ fresh: false }), [1, 2]);
  },
  STORAGES,
);
