import { assert, assertEquals, assertRejects } from "@std/assert";
import type {
  RememberedState,
  RememberedSubscription,
  StateChange,
  StateStore,
} from "../../src/broker/state_store.ts";
import { openStateStore } from "../../src/state/open_state_store.ts";
import { MemoryStateStore } from "../helpers/memory_state_store.ts";
import { FaultyDatabase } from "../helpers/faulty_database.ts";
import { temporaryDirectory } from "../helpers/lake_directory.ts";
import { SeededRandom } from "../helpers/seeded_random.ts";

/** A store that can be opened again, on a disk that can fail. */
interface Fixture extends AsyncDisposable {
  open(): StateStore;
  /** Ends the open one in order and opens the next. */
  reopen(): Promise<StateStore>;
  /** From now on nothing can be stored; `false` ends that. */
  fail(isFailing: boolean): void;
}

const WALL_MS = 1_790_000_000_000;
const NOTHING: RememberedState = { components: [], privateTopics: [], admins: [], tenants: [] };
/** Pauses are short: what is tested is what comes after them. */
const clock = {
  now: () => performance.now(),
  wallMs: () => WALL_MS,
  setTimer(callback: () => void, ms: number) {
    const handle = setTimeout(callback, ms / 100);
    return { cancel: () => clearTimeout(handle) };
  },
};

function memoryFixture(): Promise<Fixture> {
  let store = new MemoryStateStore({ wallMs: () => WALL_MS });
  return Promise.resolve({
    open: () => store,
    async reopen() {
      await store.committed();
      return store = store.reopen();
    },
    fail(isFailing) {
      store.failing = isFailing ? "the disk is full" : null;
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}

async function sqliteFixture(): Promise<Fixture> {
  const directory = await temporaryDirectory();
  let database: FaultyDatabase | null = null;
  const open = () =>
    openStateStore({
      path: `${directory.path}/broker/state.db`,
      clock,
      openDatabase: (path) => database = new FaultyDatabase(path),
    });
  let store = open();
  return {
    open: () => store,
    async reopen() {
      await store.close();
      return store = open();
    },
    fail(isFailing) {
      if (database !== null) database.failing = isFailing ? { errcode: 13 } : null;
    },
    async [Symbol.asyncDispose]() {
      await store.close();
      await directory[Symbol.asyncDispose]();
    },
  };
}

function subscription(
  topic: string,
  more: Partial<RememberedSubscription> = {},
): RememberedSubscription {
  return { topic, msgFrom: 0, mark: 0, seen: 0, until: 0, ...more };
}

function subscribed(name: string, topic: string, more: Partial<RememberedSubscription> = {}) {
  return { kind: "subscribed", name, subscription: subscription(topic, more) } as const;
}

/** The order of subscriptions and private topics means nothing. */
function sorted(
  { components, privateTopics, admins = [], tenants = [] }: RememberedState,
): Required<RememberedState> {
  const byTopic = (a: { topic: string }, b: { topic: string }) => a.topic < b.topic ? -1 : 1;
  return {
    components: components.map((one) => ({
      ...one,
      subscriptions: one.subscriptions.toSorted(byTopic),
    })),
    privateTopics: privateTopics.toSorted(byTopic),
    admins: admins.toSorted(),
    tenants: tenants.toSorted((a, b) => a.tenant < b.tenant ? -1 : 1),
  };
}

function contract(kind: string, makeFixture: () => Promise<Fixture>): void {
  const test = (name: string, run: (fixture: Fixture) => Promise<void>) =>
    Deno.test(`${kind}: ${name}`, async () => {
      await using fixture = await makeFixture();
      await run(fixture);
    });
  const remember = async (fixture: Fixture, ...changes: StateChange[]) => {
    const store = fixture.open();
    for (const change of changes) store.put(change);
    await store.committed();
    return sorted((await fixture.reopen()).remembered);
  };

  test("a new store remembers nothing", (fixture) => {
    assertEquals(fixture.open().remembered, NOTHING);
    return Promise.resolve();
  });

  test("everything that was put is remembered when it is opened again", async (fixture) => {
    const found = await remember(
      fixture,
      { kind: "seen", name: "b", atMs: 2 },
      { kind: "seen", name: "a", atMs: 1 },
      subscribed("a", "town/*", { msgFrom: 900_000_000, mark: 7, seen: null, until: null }),
      subscribed("a", "alarm", { msgFrom: Infinity, mark: 2 ** 53 - 1, seen: 3, until: 9 }),
      { kind: "exposed", name: "b", topic: "z" },
      { kind: "exposed", name: "b", topic: "y" },
      { kind: "private", topic: "secret", names: ["b", "a"] },
      { kind: "admins", names: ["a"] },
      { kind: "tenants", tenants: [{ tenant: ".", secret: "1234" }] },
    );
    assertEquals(found, {
      components: [
        {
          name: "a",
          lastSeenMs: 1,
          subscriptions: [
            subscription("alarm", { msgFrom: Infinity, mark: 2 ** 53 - 1, seen: 3, until: 9 }),
            subscription("town/*", { msgFrom: 900_000_000, mark: 7, seen: null, until: null }),
          ],
          services: [],
        },
        { name: "b", lastSeenMs: 2, subscriptions: [], services: ["z", "y"] },
      ],
      privateTopics: [{ topic: "secret", names: ["b", "a"] }],
      admins: ["a"],
      tenants: [{ tenant: ".", secret: "1234" }],
    });
  });

  test("admins and tenants are those that were put last", async (fixture) => {
    const { admins, tenants } = await remember(
      fixture,
      { kind: "admins", names: ["a", "b"] },
      { kind: "admins", names: ["b", "c"] },
      { kind: "tenants", tenants: [{ tenant: "old", secret: "1" }] },
      { kind: "tenants", tenants: [{ tenant: "acme.org", secret: "a\0'" }] },
    );
    assertEquals(admins, ["b", "c"]);
    assertEquals(tenants, [{ tenant: "acme.org", secret: "a\0'" }]);
    const store = fixture.open();
    store.put({ kind: "admins", names: [] });
    store.put({ kind: "tenants", tenants: [] });
    await store.committed();
    assertEquals((await fixture.reopen()).remembered, NOTHING);
  });

  test("admins and tenants that could not be stored are when that is possible again", async (fixture) => {
    const store = fixture.open();
    fixture.fail(true);
    store.put({ kind: "tenants", tenants: [{ tenant: ".", secret: "1234" }] });
    const error = await assertRejects(() => store.committed(), Error, "Cannot store ");
    assert(!error.message.includes("1234"));
    store.put({ kind: "admins", names: ["a"] });
    fixture.fail(false);
    await store.committed();
    const { admins, tenants } = (await fixture.reopen()).remembered;
    assertEquals([admins, tenants], [["a"], [{ tenant: ".", secret: "1234" }]]);
  });

  test("`remembered` stays as it was when the store was opened", async (fixture) => {
    const store = fixture.open();
    store.put({ kind: "seen", name: "a", atMs: 1 });
    await store.committed();
    assertEquals(store.remembered, NOTHING);
  });

  for (const msgFrom of [0, 1.5, -1, Infinity, -Infinity, NaN, Number.MAX_VALUE, 5e-324]) {
    test(`a subscription keeps a msg_from of ${msgFrom}`, async (fixture) => {
      const { components } = await remember(fixture, subscribed("a", "t", { msgFrom }));
      assertEquals(components[0]?.subscriptions[0]?.msgFrom, msgFrom);
    });
  }

  for (const topic of ["a\0b", "a\0c", "\ufeffa", "é/😀", "'; DROP TABLE x --", "**"]) {
    test(`the topic ${JSON.stringify(topic)} stays as it is`, async (fixture) => {
      const { components, privateTopics } = await remember(
        fixture,
        subscribed("a", topic),
        subscribed("a", "a"),
        { kind: "exposed", name: "a", topic },
        { kind: "private", topic, names: [topic] },
      );
      assertEquals(
        components[0]?.subscriptions.map((one) => one.topic).toSorted(),
        ["a", topic].toSorted(),
      );
      assertEquals(components[0]?.services, [topic]);
      assertEquals(privateTopics, [{ topic, names: [topic] }]);
    });
  }

  test("a component that only subscribed is seen now", async (fixture) => {
    const { components } = await remember(fixture, subscribed("a", "t"));
    assertEquals(components[0]?.lastSeenMs, WALL_MS);
  });

  test("`subscribed` replaces, and `served` moves what is there", async (fixture) => {
    const { components } = await remember(
      fixture,
      { kind: "seen", name: "a", atMs: 1 },
      subscribed("a", "t", { msgFrom: 1, mark: 1 }),
      subscribed("a", "t", { msgFrom: 2, mark: 2 }),
      { kind: "served", name: "a", topic: "t", mark: 5, seen: null, until: null },
    );
    assertEquals(components[0]?.subscriptions, [
      subscription("t", { msgFrom: 2, mark: 5, seen: null, until: null }),
    ]);
  });

  test("`served` makes no subscription and no component", async (fixture) => {
    const served = { kind: "served", name: "a", topic: "t", mark: 5, seen: 5, until: 5 } as const;
    assertEquals((await remember(fixture, served)).components, []);
    const { components } = await remember(
      fixture,
      { kind: "seen", name: "a", atMs: 1 },
      subscribed("a", "t"),
      { kind: "unsubscribed", name: "a", topic: "t" },
      served,
    );
    assertEquals(components, [{ name: "a", lastSeenMs: 1, subscriptions: [], services: [] }]);
  });

  test("a service that is exposed again comes last, one exposed twice stays", async (fixture) => {
    const change = (kind: "exposed" | "unexposed", topic: string) => ({ kind, name: "a", topic });
    await remember(fixture, change("exposed", "x"), change("exposed", "y"));
    const { components } = await remember(
      fixture,
      change("unexposed", "x"),
      change("exposed", "z"),
      change("exposed", "y"),
      change("exposed", "x"),
    );
    assertEquals(components[0]?.services, ["y", "z", "x"]);
  });

  test("a forgotten component leaves nothing, and may come back", async (fixture) => {
    await remember(
      fixture,
      { kind: "seen", name: "a", atMs: 1 },
      subscribed("a", "t"),
      { kind: "exposed", name: "a", topic: "s" },
    );
    const { components } = await remember(
      fixture,
      { kind: "forgotten", name: "a" },
      { kind: "unsubscribed", name: "a", topic: "t" },
      { kind: "seen", name: "a", atMs: 9 },
      subscribed("a", "u"),
    );
    assertEquals(components, [
      { name: "a", lastSeenMs: 9, subscriptions: [subscription("u")], services: [] },
    ]);
    const after = await remember(fixture, { kind: "forgotten", name: "a" });
    assertEquals(after.components, []);
  });

  test("a topic is private with exactly the last names, until it is public", async (fixture) => {
    const { privateTopics } = await remember(
      fixture,
      { kind: "private", topic: "t", names: ["a", "b"] },
      { kind: "private", topic: "t", names: ["c"] },
      { kind: "private", topic: "u", names: [] },
    );
    assertEquals(privateTopics, [{ topic: "t", names: ["c"] }, { topic: "u", names: [] }]);
    const after = await remember(fixture, { kind: "public", topic: "t" });
    assertEquals(after.privateTopics, [{ topic: "u", names: [] }]);
  });

  test("committed() resolves when there is nothing to store", async (fixture) => {
    await fixture.open().committed();
  });

  test("committed() rejects while the disk fails, and stores all of it afterwards", async (fixture) => {
    const store = fixture.open();
    store.put(subscribed("a", "before"));
    await store.committed();
    fixture.fail(true);
    store.put({ kind: "unsubscribed", name: "a", topic: "before" });
    store.put(subscribed("a", "meanwhile"));
    await assertRejects(() => store.committed(), Error, "Cannot store ");
    store.put({ kind: "exposed", name: "a", topic: "service" });
    store.put(subscribed("a", "gone"));
    await assertRejects(() => store.committed(), Error, "the disk is full");
    store.put({ kind: "unsubscribed", name: "a", topic: "gone" });
    fixture.fail(false);
    await store.committed();
    const { remembered } = await fixture.reopen();
    assertEquals(remembered.components[0]?.subscriptions, [subscription("meanwhile")]);
    assertEquals(remembered.components[0]?.services, ["service"]);
  });

  test("any sequence of changes leaves what a plain model has, disk failures or not", async (fixture) => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = new SeededRandom(seed);
      const model = new MemoryStateStore({
        remembered: fixture.open().remembered,
        wallMs: () => WALL_MS,
      });
      const store = fixture.open();
      for (let step = 0; step < 150; step++) {
        const change = randomChange(random);
        model.put(change);
        store.put(change);
        if (random.below(20) === 0) fixture.fail(false);
        if (random.below(60) === 0) fixture.fail(true);
        // What fails now is stored later.
        if (random.below(20) === 0) await store.committed().catch(() => {});
      }
      fixture.fail(false);
      await model.committed();
      await store.committed();
      const { remembered } = await fixture.reopen();
      assertEquals(sorted(remembered), sorted(model.durable), `seed ${seed}`);
    }
  });
}

function randomChange(random: SeededRandom): StateChange {
  const name = random.pick(["a", "b", "c"]);
  const topic = random.pick(["t", "u", "v"]);
  const mark = random.below(100);
  switch (random.below(11)) {
    case 0:
      return subscribed(name, topic, { mark, msgFrom: random.pick([0, 5, Infinity]) });
    case 1:
      return { kind: "unsubscribed", name, topic };
    case 2:
      return { kind: "exposed", name, topic };
    case 3:
      return { kind: "unexposed", name, topic };
    case 4:
    case 5:
      return { kind: "served", name, topic, mark, seen: random.pick([null, mark]), until: null };
    case 6:
      return { kind: "seen", name, atMs: mark };
    case 7:
      return random.below(3) === 0
        ? { kind: "forgotten", name }
        : { kind: "private", topic, names: [name] };
    case 8:
      return { kind: "admins", names: random.below(2) === 0 ? [] : [name, topic] };
    case 9:
      return { kind: "tenants", tenants: [{ tenant: topic, secret: String(mark) }] };
    default:
      return { kind: "public", topic };
  }
}

contract("memory", memoryFixture);
contract("SQLite", sqliteFixture);
