// Goal: while the process of the tables is killed again and again, routing and acknowledgements of QoS 1/2 go on,
// and each message is one row in the end.
// Method: a real broker under four publishers; its child is killed (SIGKILL) at random points after it was ready.
// REMBUS_BROKER_LAKE_KILLS is the count of kills, REMBUS_BROKER_KILL_SEED makes another run of it.
import { assert, assertEquals } from "@std/assert";
import type { Component } from "../../src/peer/api.ts";
import { BrokerChild } from "../helpers/broker_child.ts";
import { loggedIn, rowsIn, sorted } from "../helpers/broker_child_files.ts";
import {
  assertDelivered,
  connectChild,
  connectPublishers,
  followAll,
  missing,
  READING_SCHEMA,
} from "../helpers/broker_child_load.ts";
import { eventually } from "../helpers/eventually.ts";
import { temporaryDirectory } from "../helpers/lake_directory.ts";
import { countFromEnv } from "../helpers/mutate.ts";
import { SeededRandom } from "../helpers/seeded_random.ts";

const KILLS = countFromEnv("REMBUS_BROKER_LAKE_KILLS", 25);
const SEED = countFromEnv("REMBUS_BROKER_KILL_SEED", 1);
/** Longest life of the process after it was ready, in milliseconds. */
const LIFE_MS_MAX = 400;
/** Nobody waits longer than this for an acknowledgement or a message, in milliseconds. */
const PAUSE_MS_MAX = 1_000;
/** Processes that die before they store anything are started again after growing pauses. */
const RESTART_MS_MAX = 60_000;
const SETTLE_MS_MAX = 60_000;
/** Pause between two messages of QoS 0, in milliseconds. */
const BEAT_MS = 20;

Deno.test({
  name: `a broker whose tables die under load goes on, and has each row once, in ${KILLS} rounds`,
  ignore: Deno.build.os === "windows",
  fn: async () => {
    print(`seed ${SEED}, ${KILLS} kills`);
    try {
      await killRounds(new SeededRandom(SEED));
    } catch (error) {
      throw new Error(`seed ${SEED}`, { cause: error });
    }
  },
});

async function killRounds(random: SeededRandom): Promise<void> {
  await using directory = await temporaryDirectory();
  const dir = directory.path;
  const schema = `${dir}/schema.json`;
  await Deno.writeTextFile(schema, JSON.stringify(READING_SCHEMA));
  await using child = new BrokerChild({ dir, schema, args: ["--log", "info"] });
  await child.start();
  const publishers = await connectPublishers(child, random);
  const follower = await connectChild(child, "follower");
  const { exact, space } = await followAll(follower, publishers);
  const beat = new Heartbeat(await connectChild(child, "heart"));
  await beat.start(follower);
  for (const publisher of publishers) {
    publisher.start();
    publisher.watch();
  }
  for (let round = 1; round <= KILLS; round++) {
    await eventually(() => assert(readyCount(child) >= round), RESTART_MS_MAX);
    // The point in time is the point of the test: anywhere in reading, appending and committing.
    await new Promise((resolve) => setTimeout(resolve, random.below(LIFE_MS_MAX)));
    for (const pid of await lakeProcesses(child.pid)) Deno.kill(pid, "SIGKILL");
    await eventually(() => assert(endCount(child) >= round));
  }
  await Promise.all(publishers.map((publisher) => publisher.stop()));
  const pauses = publishers.map(({ name, pauseMs }) => [name, Math.round(pauseMs)] as const);
  const beatMs = Math.round(await beat.stop());
  print(`longest pauses: ${pauses.map(([name, ms]) => `${name} ${ms} ms`).join(", ")}`);
  print(`longest pause between messages of QoS 0: ${beatMs} ms`);
  await eventually(() => {
    for (const seen of [exact, space]) assertEquals(missing(seen, publishers), 0);
  }, SETTLE_MS_MAX);
  const rows = await rowsIn(follower);
  await Promise.all([follower, ...publishers].map((node) => node.close()));
  assertEquals((await child.stop()).code, 0);

  for (const { name, rejected } of publishers) assertEquals([...rejected.keys()], [], name);
  const logged = await loggedIn(dir);
  assertEquals(logged.damaged, 0);
  assertDelivered(logged.seen, publishers, "in the log");
  assertDelivered(exact, publishers, "to the subscriber of the topic");
  assertDelivered(space, publishers, "to the subscriber of **");
  assertEquals(sorted(rows), sorted(logged.seen));
  for (const [name, ms] of pauses) assert(ms < PAUSE_MS_MAX, `${name} waited ${ms} ms`);
  assert(beatMs < PAUSE_MS_MAX, `a message of QoS 0 took ${beatMs} ms`);
}

/** Messages of QoS 0 in a steady row, and the longest pause between two of them where they arrive. */
class Heartbeat {
  readonly #heart: Component;
  #timer: ReturnType<typeof setInterval> | undefined;
  #lastAt = 0;
  #pauseMs = 0;

  constructor(heart: Component) {
    this.#heart = heart;
  }

  /** Starts it, towards a listener. */
  async start(listener: Component): Promise<void> {
    await listener.subscribe("beat", () => this.#heard());
    this.#lastAt = performance.now();
    this.#timer = setInterval(() => void this.#send(), BEAT_MS);
  }

  /** Ends it; gives the longest pause, in milliseconds. */
  async stop(): Promise<number> {
    clearInterval(this.#timer);
    await this.#heart.close();
    return this.#pauseMs;
  }

  async #send(): Promise<void> {
    await this.#heart.publish("beat", null);
  }

  #heard(): void {
    const now = performance.now();
    this.#pauseMs = Math.max(this.#pauseMs, now - this.#lastAt);
    this.#lastAt = now;
  }
}

function readyCount(child: BrokerChild): number {
  return child.lines.filter((line) => line.includes("lakeReady")).length;
}

function endCount(child: BrokerChild): number {
  return child.lines.filter((line) => line.includes("lakeEnded")).length;
}

/** Children of a broker that keep tables. */
async function lakeProcesses(broker: number): Promise<number[]> {
  const { stdout } = await new Deno.Command("ps", {
    args: ["-o", "pid=,args=", "--ppid", String(broker)],
  }).output();
  return new TextDecoder().decode(stdout).split("\n")
    .filter((line) => line.includes("lake_process.ts"))
    .map((line) => Number.parseInt(line, 10));
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
