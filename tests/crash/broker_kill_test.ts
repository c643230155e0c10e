// Goal: a broker that is killed at any moment loses nothing that it acknowledged, and repeats nothing of QoS 2.
// Method: a real broker with a log, a state and a table, killed (SIGKILL) again and again under four publishers;
// one subscriber lives through all of it, another one is away until the end. REMBUS_BROKER_KILLS is the count of
// kills, REMBUS_BROKER_KILL_SEED makes another run of it.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../src/client/connect.ts";
import { LAST_RECEIVED } from "../../src/peer/api.ts";
import { RembusError, Status } from "../../src/protocol/errors.ts";
import type { MsgId } from "../../src/protocol/packet.ts";
import { BrokerChild } from "../helpers/broker_child.ts";
import { loggedIn, rowsIn, sorted } from "../helpers/broker_child_files.ts";
import {
  assertDelivered,
  connectChild,
  connectPublishers,
  followAll,
  followSpace,
  type LoadPublisher,
  missing,
  READING_SCHEMA,
  type Seen,
} from "../helpers/broker_child_load.ts";
import { eventually } from "../helpers/eventually.ts";
import { temporaryDirectory } from "../helpers/lake_directory.ts";
import { countFromEnv } from "../helpers/mutate.ts";
import { RawSession } from "../helpers/raw_session.ts";
import { SeededRandom } from "../helpers/seeded_random.ts";

const KILLS = countFromEnv("REMBUS_BROKER_KILLS", 100);
const SEED = countFromEnv("REMBUS_BROKER_KILL_SEED", 1);
/** The life of a broker after it was ready, in milliseconds. */
const LIFE_MS = { min: 50, max: 400 } as const;
/** One kill in so many comes while the broker starts, this many milliseconds after its process did, at most. */
const EARLY = { oneIn: 8, msMax: 600 } as const;
/** In one round of so many it is also seen that the broker remembers what it said yes to. */
const ANSWERS_ONE_IN = 10;
/** All that was missed arrives within this time, in milliseconds. */
const SETTLE_MS_MAX = 60_000;

Deno.test(`a broker that is killed under load loses nothing that it acknowledged, in ${KILLS} rounds`, async () => {
  print(`seed ${SEED}, ${KILLS} kills`);
  try {
    await killRounds(new SeededRandom(SEED));
  } catch (error) {
    throw new Error(`seed ${SEED}`, { cause: error });
  }
});

async function killRounds(random: SeededRandom): Promise<void> {
  await using directory = await temporaryDirectory();
  const dir = directory.path;
  const schema = `${dir}/schema.json`;
  await Deno.writeTextFile(schema, JSON.stringify(READING_SCHEMA));
  await using child = new BrokerChild({ dir, schema });
  await child.start();
  const publishers = await connectPublishers(child, random);
  await using follower = await connectChild(child, "follower");
  const { exact, space } = await followAll(follower, publishers);
  {
    await using away = await connectChild(child, "away");
    await followSpace(away, new Map());
  }
  for (const publisher of publishers) publisher.start();
  const starts = await runRounds(child, random);
  await Promise.all(publishers.map((publisher) => publisher.stop()));
  tell(publishers, starts);

  const missed: Seen = new Map();
  await using away = await connectChild(child, "away");
  await followSpace(away, missed);
  await eventually(() => {
    for (const seen of [exact, space, missed]) assertEquals(missing(seen, publishers), 0);
  }, SETTLE_MS_MAX);
  const rows = await rowsIn(away);
  await Promise.all([follower, away, ...publishers].map((node) => node.close()));
  const { code } = await child.stop();
  assertEquals(code, 0);

  const logged = await loggedIn(dir);
  assertEquals(logged.damaged, 0);
  assertDelivered(logged.seen, publishers, "in the log");
  assertDelivered(exact, publishers, "to the subscriber of the topic");
  assertDelivered(space, publishers, "to the subscriber of **");
  assertDelivered(missed, publishers, "to the subscriber that was away");
  // A repeat of QoS 1 that was logged twice is two messages: each of them fills one row.
  assertEquals(sorted(rows), sorted(logged.seen));
}

/** Kills and starts it; gives how long each start took, in milliseconds. */
async function runRounds(child: BrokerChild, random: SeededRandom): Promise<readonly number[]> {
  const starts: number[] = [];
  for (let round = 1; round <= KILLS; round++) {
    if (random.below(EARLY.oneIn) === 0) {
      await child.kill();
      child.spawn();
      await pause(random.below(EARLY.msMax));
      await child.kill();
      starts.push(await child.start());
      continue;
    }
    // The point in time is the point of the test: anywhere in reading, logging, answering and delivering.
    await pause(LIFE_MS.min + random.below(LIFE_MS.max - LIFE_MS.min));
    if (round % ANSWERS_ONE_IN === 0) {
      await answerAndKill(child, round);
      starts.push(await child.start());
      await assertRemembered(child, round);
    } else {
      await child.kill();
      starts.push(await child.start());
    }
  }
  return starts;
}

/** Subscribes, takes back and exposes, and kills the broker at once when it has said yes. */
async function answerAndKill(child: BrokerChild, round: number): Promise<void> {
  const keeper = await connect(child.url(`keeper-${round}`), { dial: child.dial });
  await keeper.subscribe(`dropped/${round}`, () => {}, { from: LAST_RECEIVED });
  await keeper.subscribe(`kept/${round}`, () => {}, { from: LAST_RECEIVED });
  await keeper.unsubscribe(`dropped/${round}`);
  await keeper.expose(`service-${round}`, () => {});
  await child.kill();
  await keeper.close();
}

async function assertRemembered(child: BrokerChild, round: number): Promise<void> {
  await using asker = await connect(child.url(`asker-${round}`), { dial: child.dial });
  const error = await assertRejects(() => asker.rpc(`service-${round}`), RembusError);
  assertEquals(error.status, Status.METHOD_UNAVAILABLE, "the service is not remembered");
  const reliable = asker.with({ qos: 1 });
  await reliable.publish(`dropped/${round}`, round);
  await reliable.publish(`kept/${round}`, round);
  // It announces nothing: what comes is what the broker remembers.
  await using raw = new RawSession(await child.dial(""));
  raw.send({ type: "identity", id: 1n as MsgId, cid: `keeper-${round}` });
  assertEquals((await raw.next()).packet.type, "response");
  const data = { cmd: "reactive", status: true };
  raw.send({ type: "admin", id: 2n as MsgId, topic: `kept/${round}`, data });
  const packets = [(await raw.next()).packet, (await raw.next()).packet];
  const topics = packets.map((packet) => packet.type === "publish" ? packet.topic : packet.type);
  assertEquals(topics.sort(), [`kept/${round}`, "response"]);
  for (const packet of packets) {
    if (packet.type === "publish" && packet.id !== null) raw.send({ type: "ack", id: packet.id });
  }
}

function tell(publishers: readonly LoadPublisher[], starts: readonly number[]): void {
  const slowest = Math.round(Math.max(...starts));
  const middle = Math.round(starts.toSorted((a, b) => a - b)[starts.length >> 1] ?? 0);
  print(`a start takes ${middle} ms, at most ${slowest} ms`);
  for (const { name, published, acknowledged, rejected } of publishers) {
    print(
      `${name}: ${published} published, ${acknowledged.size} acknowledged, ${rejected.size} not`,
    );
    for (const reason of new Set([...rejected.values()].map(String))) print(`  ${reason}`);
    assert(acknowledged.size > 0, `${name} never published`);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
