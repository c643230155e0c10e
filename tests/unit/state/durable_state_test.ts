import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { StateChange } from "../../../src/broker/state_store.ts";
import { type Database, openDatabase, readOne } from "../../../src/state/database.ts";
import type { DurableState } from "../../../src/state/durable_state.ts";
import { StateError } from "../../../src/state/errors.ts";
import type { StateHealth } from "../../../src/state/health.ts";
import { openStateStore, type StateStoreOptions } from "../../../src/state/open_state_store.ts";
import { eventually } from "../../helpers/eventually.ts";
import { FaultyDatabase } from "../../helpers/faulty_database.ts";
import { temporaryDirectory } from "../../helpers/lake_directory.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";
import { NotingLogger } from "../../helpers/noting_logger.ts";

interface Fixture extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly database: FaultyDatabase;
  readonly logger: NotingLogger;
  readonly health: StateHealth[];
  readonly path: string;
  readonly store: DurableState;
  /** Transactions since it was opened. */
  commits(): number;
}

async function open(more: Partial<StateStoreOptions> = {}): Promise<Fixture> {
  const directory = await temporaryDirectory();
  const path = `${directory.path}/state.db`;
  const clock = new ManualClock();
  const logger = new NotingLogger();
  const health: StateHealth[] = [];
  const databases: FaultyDatabase[] = [];
  const store = openStateStore({
    path,
    clock,
    logger,
    random: { float: () => 1 },
    onHealth: (one) => health.push(one),
    openDatabase(path) {
      databases.push(new FaultyDatabase(path));
      return databases[0] as Database;
    },
    ...more,
  });
  const database = databases[0] as FaultyDatabase;
  const before = database.attempts;
  return {
    clock,
    database,
    logger,
    health,
    path,
    store,
    commits: () => database.attempts - before,
    async [Symbol.asyncDispose]() {
      await store.close();
      await directory[Symbol.asyncDispose]();
    },
  };
}

const exposed = (topic: string, name = "a"): StateChange => ({ kind: "exposed", name, topic });
const subscribed = (topic: string): StateChange => ({
  kind: "subscribed",
  name: "a",
  subscription: { topic, msgFrom: 0, mark: 0, seen: 0, until: 0 },
});
const served = (mark: number): StateChange => ({
  kind: "served",
  name: "a",
  topic: "t",
  mark,
  seen: mark,
  until: null,
});
/** Passes the turn in which a commit would happen. */
const nextTurn = () => new Promise((resolve) => setTimeout(resolve));

Deno.test("put() stores all changes of a turn in one transaction, and nobody has to ask", async () => {
  await using fixture = await open();
  const { store, commits } = fixture;
  for (let i = 0; i < 50; i++) store.put(exposed(`service ${i}`));
  assertEquals(commits(), 0);
  await Promise.resolve();
  for (let i = 50; i < 100; i++) store.put(exposed(`service ${i}`));
  await eventually(() => assertEquals(commits(), 1));
  await store.committed();
  assertEquals(commits(), 1);
});

Deno.test("committed() gives one promise to all who wait for the same changes", async () => {
  await using fixture = await open();
  const { store, commits } = fixture;
  store.put(exposed("x"));
  const first = store.committed();
  assert(first === store.committed());
  store.put(exposed("y"));
  const second = store.committed();
  assert(first !== second);
  await Promise.all([first, second]);
  assertEquals(commits(), 1);
});

Deno.test("put() of what may be repeated after a crash waits a second, and only the last counts", async () => {
  await using fixture = await open();
  const { store, clock, commits, database } = fixture;
  store.put(subscribed("t"));
  await store.committed();
  for (let mark = 1; mark <= 100; mark++) {
    store.put(served(mark));
    store.put({ kind: "seen", name: "a", atMs: mark });
  }
  await nextTurn();
  await clock.advance(999);
  assertEquals(commits(), 1);
  const before = database.log.length;
  await clock.advance(1);
  assertEquals(commits(), 2);
  // BEGIN, two statements, COMMIT.
  assertEquals(database.log.length - before, 4);
  assertEquals(clock.pending, 0);
});

Deno.test("put() of what can wait goes with the next commit", async () => {
  await using fixture = await open();
  const { store, clock, commits } = fixture;
  store.put({ kind: "seen", name: "a", atMs: 1 });
  store.put(exposed("x"));
  await store.committed();
  assertEquals([commits(), clock.pending], [1, 0]);
});

Deno.test("committed() does not wait for the second of what can wait", async () => {
  await using fixture = await open();
  fixture.store.put({ kind: "seen", name: "a", atMs: 1 });
  await fixture.store.committed();
  assertEquals([fixture.commits(), fixture.clock.pending], [1, 0]);
});

Deno.test("many changes are stored in several turns, in order", async () => {
  await using fixture = await open();
  const { store, commits } = fixture;
  let first = false;
  for (let i = 0; i < 2_500; i++) {
    store.put({ kind: "seen", name: `n${i}`, atMs: i });
    if (i === 0) store.committed().then(() => first = true);
  }
  const all = store.committed();
  await eventually(() => assertEquals(first, true));
  assert(commits() < 3);
  await all;
  assertEquals(commits(), 3);
});

for (
  const [errcode, reason, fault] of [
    [13, "the disk is full", "io"],
    [778, "the disk failed", "io"],
    [8, "the disk may not be written", "io"],
    [11, "the stored state is damaged", "damaged"],
    [1, "the storage failed", "io"],
  ] as const
) {
  Deno.test(`committed() tells a peer "${reason}" for SQLite's ${errcode}, and nothing else`, async () => {
    await using fixture = await open();
    const { store, database } = fixture;
    database.failing = { errcode };
    store.put(subscribed("t"));
    const error = await assertRejects(() => store.committed(), StateError);
    assertEquals(error.message, `Cannot store the subscription: ${reason}`);
    assertEquals(error.fault, fault);
    database.failing = null;
  });
}

Deno.test("committed() names what was to be stored", async () => {
  await using fixture = await open();
  const { store, database } = fixture;
  database.failing = { errcode: 13 };
  store.put(exposed("x"));
  await assertRejects(() => store.committed(), StateError, "Cannot store the service: ");
  store.put(subscribed("t"));
  const both = assertRejects(() => store.committed(), StateError, "Cannot store the change: ");
  await fixture.clock.advance(1_000);
  await both;
});

for (
  const [change, noun] of [
    [{ kind: "admins", names: ["ada"] }, "the admins"],
    [{ kind: "tenants", tenants: [{ tenant: "acme", secret: "s3cret" }] }, "the tenants"],
  ] as const
) {
  Deno.test(`committed() names ${noun} when they cannot be stored, and no secret`, async () => {
    await using fixture = await open();
    const { store, database } = fixture;
    database.failing = { errcode: 13 };
    store.put(change);
    const error = await assertRejects(() => store.committed(), StateError);
    assertEquals(error.message, `Cannot store ${noun}: the disk is full`);
    database.failing = null;
  });
}

Deno.test("a disk that fails is tried again with pauses that double, up to a second", async () => {
  await using fixture = await open();
  const { store, database, clock } = fixture;
  database.failing = { errcode: 13 };
  store.put(exposed("x"));
  await assertRejects(() => store.committed());
  const pauses: number[] = [];
  for (let i = 0; i < 6; i++) {
    const pause = (clock.nextMs ?? NaN) - clock.now();
    pauses.push(pause);
    await clock.advance(pause);
  }
  assertEquals(pauses, [200, 400, 800, 1_000, 1_000, 1_000]);
});

Deno.test("while the disk fails no change tries it, and those who wait learn of the next try", async () => {
  await using fixture = await open();
  const { store, database, clock, commits } = fixture;
  database.failing = { errcode: 13 };
  store.put(exposed("x"));
  await assertRejects(() => store.committed());
  assertEquals(commits(), 1);
  for (let i = 0; i < 10; i++) store.put(exposed(`y${i}`));
  const waiting = store.committed();
  await nextTurn();
  assertEquals(commits(), 1);
  database.failing = null;
  await clock.advance(1_000);
  await waiting;
  assertEquals(commits(), 2);
});

Deno.test("health turns red when a commit fails and green when one succeeds, once each", async () => {
  await using fixture = await open();
  const { store, database, clock, health, logger, path } = fixture;
  assertEquals(store.health, { kind: "green" });
  database.failing = { errcode: 13 };
  store.put(exposed("x"));
  await assertRejects(() => store.committed());
  const red: StateHealth = {
    kind: "red",
    reason: `Cannot write the state "${path}": as the test wants it (SQLite 13)`,
  };
  await clock.advance(3_000);
  assertEquals([store.health, health], [red, [red]]);
  database.failing = null;
  await clock.advance(1_000);
  assertEquals([store.health, health], [{ kind: "green" }, [red, { kind: "green" }]]);
  assertEquals(logger.events.slice(1), ["error stateNotStored", "info stateStoredAgain"]);
  assertEquals(clock.pending, 0);
});

Deno.test("a disk that fails is tried although everything was taken back meanwhile", async () => {
  await using fixture = await open();
  const { store, database, clock } = fixture;
  database.failing = { errcode: 13 };
  store.put({ kind: "private", topic: "t", names: [] });
  await assertRejects(() => store.committed());
  store.put({ kind: "public", topic: "t" });
  await clock.advance(1_000);
  assertEquals(store.health.kind, "red");
  database.failing = null;
  await clock.advance(1_000);
  assertEquals(store.health.kind, "green");
});

Deno.test("changes that undo one another take no memory while the disk fails", async () => {
  await using fixture = await open();
  const { store, database } = fixture;
  database.failing = { errcode: 13 };
  store.put({ kind: "seen", name: "a", atMs: 1 });
  await assertRejects(() => store.committed());
  for (let i = 0; i < 1_000; i++) {
    store.put(subscribed(`t${i}`));
    store.put({ kind: "unsubscribed", name: "a", topic: `t${i}` });
    store.put(exposed(`t${i}`));
    store.put({ kind: "unexposed", name: "a", topic: `t${i}` });
    store.put({ kind: "seen", name: `n${i}`, atMs: 1 });
    store.put({ kind: "forgotten", name: `n${i}` });
    store.put({ kind: "private", topic: `t${i}`, names: [] });
    store.put({ kind: "public", topic: `t${i}` });
  }
  database.failing = null;
  const before = database.log.length;
  await fixture.clock.advance(1_000);
  await store.committed();
  // BEGIN, the sign of life, the component, COMMIT.
  assertEquals(database.log.length - before, 4);
});

Deno.test("a deletion is kept while the disk cannot even be read", async () => {
  await using fixture = await open();
  const { store, database, clock } = fixture;
  store.put(exposed("x"));
  await store.committed();
  database.failing = { errcode: 10, at: "" };
  store.put(exposed("y"));
  await assertRejects(() => store.committed());
  store.put({ kind: "unexposed", name: "a", topic: "x" });
  database.failing = null;
  await clock.advance(1_000);
  await store.committed();
  await store.close();
  await using again = openStateStore({ path: fixture.path });
  assertEquals(again.remembered.components[0]?.services, ["y"]);
});

Deno.test("nothing runs after close() when the second of what can wait ends within a commit", async () => {
  await using fixture = await open();
  const { store, clock, commits } = fixture;
  for (let i = 0; i < 3_500; i++) store.put({ kind: "seen", name: `n${i}`, atMs: i });
  const all = store.committed();
  await eventually(() => assert(commits() >= 1));
  await clock.advance(1_000);
  await all;
  assertEquals(commits(), 4);
  await store.close();
  await nextTurn();
  assertEquals([commits(), clock.pending, store.health.kind], [4, 0, "red"]);
});

Deno.test("put() throws for a change that no row can hold, and the others are stored", async () => {
  await using fixture = await open();
  const { store } = fixture;
  store.put(subscribed("t"));
  assertThrows(() => store.put(served(NaN)), RangeError, 'Cannot store "mark"');
  assertThrows(() => store.put(served(1.5)), RangeError);
  assertThrows(() => store.put({ kind: "seen", name: "a", atMs: Infinity }), RangeError);
  await store.committed();
});

for (const at of ["BEGIN", "INSERT INTO service", "COMMIT"]) {
  Deno.test(`a failure at ${at} leaves nothing half done`, async () => {
    await using fixture = await open();
    const { store, database, clock, path } = fixture;
    database.failing = { errcode: 10, at };
    store.put({ kind: "seen", name: "a", atMs: 5 });
    store.put(exposed("x"));
    await assertRejects(() => store.committed());
    assertEquals(database.isTransaction, false);
    database.failing = null;
    await clock.advance(1_000);
    await store.committed();
    await store.close();
    await using again = openStateStore({ path });
    assertEquals(again.remembered.components, [
      { name: "a", lastSeenMs: 5, subscriptions: [], services: ["x"] },
    ]);
  });
}

Deno.test("a file that may not grow is a full disk, and is written when it may", async () => {
  await using fixture = await open();
  const { store, database, clock, path } = fixture;
  const pages = Number(readOne(database, "PRAGMA page_count"));
  database.exec(`PRAGMA max_page_count = ${pages + 1}`);
  const put = (i: number) => store.put(exposed(`${i} ${"x".repeat(900)}`));
  let failedAt = 0;
  for (let i = 1; failedAt === 0 && i < 100; i++) {
    put(i);
    await store.committed().catch((error) => {
      assertEquals(error.message, "Cannot store the service: the disk is full");
      failedAt = i;
    });
  }
  assert(failedAt > 1);
  database.exec("PRAGMA max_page_count = 1000000");
  await clock.advance(1_000);
  await store.committed();
  await store.close();
  await using again = openStateStore({ path });
  assertEquals(again.remembered.components[0]?.services.length, failedAt);
});

Deno.test("close() stores what waits, resolves who waits, and can be repeated", async () => {
  await using fixture = await open();
  const { store, path, clock } = fixture;
  store.put({ kind: "seen", name: "a", atMs: 5 });
  store.put(exposed("x"));
  const waiting = store.committed();
  await store.close();
  await waiting;
  await store.close();
  assertEquals(clock.pending, 0);
  assertEquals(store.health, { kind: "red", reason: "the state is closed" });
  await using again = openStateStore({ path });
  assertEquals(again.remembered.components[0]?.services, ["x"]);
});

Deno.test("close() reports what it cannot store, rejects who waits, and gives the file free", async () => {
  await using fixture = await open();
  const { store, database, logger, path } = fixture;
  store.put(exposed("stored"));
  await store.committed();
  database.failing = { errcode: 13 };
  store.put(exposed("lost"));
  const waiting = assertRejects(() => store.committed(), StateError, "the disk is full");
  await store.close();
  await waiting;
  assertEquals(logger.events.at(-1), "error stateLost");
  await using again = openStateStore({ path });
  assertEquals(again.remembered.components[0]?.services, ["stored"]);
});

Deno.test("after close() nothing is taken any more", async () => {
  await using fixture = await open();
  const { store } = fixture;
  await store.close();
  store.put(exposed("x"));
  const error = await assertRejects(() => store.committed(), StateError);
  assertEquals(error.fault, "closed");
});

Deno.test("admins and tenants are remembered, each once", async () => {
  await using fixture = await open();
  const { store, path } = fixture;
  assertEquals([store.remembered.admins, store.remembered.tenants], [[], []]);
  store.put({ kind: "admins", names: ["old"] });
  store.put({ kind: "admins", names: ["b", "a", "b"] });
  store.put({
    kind: "tenants",
    tenants: [
      { tenant: ".", secret: "0000" },
      { tenant: "acme.org", secret: "a\0'" },
      { tenant: ".", secret: "1234" },
    ],
  });
  await store.committed();
  await store.close();
  await using again = openStateStore({ path, openDatabase });
  assertEquals(again.remembered.admins, ["a", "b"]);
  assertEquals(again.remembered.tenants, [
    { tenant: ".", secret: "1234" },
    { tenant: "acme.org", secret: "a\0'" },
  ]);
  again.put({ kind: "admins", names: [] });
  again.put({ kind: "tenants", tenants: [] });
  await again.close();
  await using last = openStateStore({ path });
  assertEquals([last.remembered.admins, last.remembered.tenants], [[], []]);
});

Deno.test("putLogId() forgets the positions of another log, and keeps those of the same", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const path = `${directory}/state.db`;
    const subscription = { topic: "t", msgFrom: 0, mark: 7, seen: null, until: null };
    {
      await using state = openStateStore({ path });
      assertEquals(state.logId, null);
      state.putLogId("one");
      state.put({ kind: "subscribed", name: "a", subscription });
      await state.committed();
    }
    {
      await using state = openStateStore({ path });
      state.putLogId("one");
      assertEquals(state.remembered.components[0]?.subscriptions, [subscription]);
      state.putLogId("two");
      await state.committed();
    }
    await using state = openStateStore({ path });
    assertEquals(state.logId, "two");
    assertEquals(state.remembered.components[0]?.subscriptions, [
      { ...subscription, mark: 0, seen: 0, until: 0 },
    ]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
