// Goal: Ctrl-C under load ends the broker within seconds, in order, and nothing that it acknowledged is lost.
import { assert, assertEquals } from "@std/assert";
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
import { SeededRandom } from "../helpers/seeded_random.ts";

/** Draining, the store of the tables and the log, on a machine that does other things, too; in milliseconds. */
const END_MS_MAX = 10_000;
const ROUNDS = 4;
/** Messages that each publisher gets acknowledged before the broker is told to end. */
const MESSAGES = 200;
const SETTLE_MS_MAX = 60_000;

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test({
    name: `${signal} under load ends the broker within seconds, and its log is clean`,
    ignore: Deno.build.os === "windows",
    fn: () => interruptRounds(signal),
  });
}

async function interruptRounds(signal: Deno.Signal): Promise<void> {
  await using directory = await temporaryDirectory();
  const dir = directory.path;
  const schema = `${dir}/schema.json`;
  await Deno.writeTextFile(schema, JSON.stringify(READING_SCHEMA));
  await using child = new BrokerChild({ dir, schema, args: ["--log", "info"] });
  await child.start();
  const publishers = await connectPublishers(child, new SeededRandom(1));
  const follower = await connectChild(child, "follower");
  const { exact, space } = await followAll(follower, publishers);
  for (const publisher of publishers) publisher.start();
  for (let round = 1; round <= ROUNDS; round++) {
    await eventually(() => {
      for (const { acknowledged } of publishers) assert(acknowledged.size >= round * MESSAGES);
    }, SETTLE_MS_MAX);
    const toldAt = performance.now();
    const { code } = await child.stop(signal);
    const tookMs = performance.now() - toldAt;
    assertEquals(code, 0);
    assert(tookMs < END_MS_MAX, `it took ${tookMs} ms to end`);
    await child.start();
    assertOpenedClean(child);
  }
  await Promise.all(publishers.map((publisher) => publisher.stop()));
  await eventually(() => {
    for (const seen of [exact, space]) assertEquals(missing(seen, publishers), 0);
  }, SETTLE_MS_MAX);
  const rows = await rowsIn(follower);
  await Promise.all([follower, ...publishers].map((node) => node.close()));
  await child.stop(signal);
  const logged = await loggedIn(dir);
  assertEquals(logged.damaged, 0);
  assertDelivered(logged.seen, publishers, "in the log");
  assertDelivered(exact, publishers, "to the subscriber of the topic");
  assertDelivered(space, publishers, "to the subscriber of **");
  assertEquals(sorted(rows), sorted(logged.seen));
}

function assertOpenedClean(child: BrokerChild): void {
  const opened = child.lines.find((line) => line.includes("log opened"));
  assert(opened?.includes("isClean=true"), `the log was not clean: ${opened}`);
}
