import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { Broker } from "../../src/broker/broker.ts";
import { type Keys, MemoryKeys, type StoredKey } from "../../src/broker/keys.ts";
import type { BrokerOptions } from "../../src/broker/options.ts";
import { generateKeys } from "../../src/identity/generate.ts";
import { readSigner } from "../../src/identity/signer.ts";
import type { Link } from "../../src/link/link.ts";
import { memoryPair } from "../../src/link/memory.ts";
import { listenWebSocket } from "../../src/link/ws_listener.ts";
import { dialWebSocket } from "../../src/link/whatwg.ts";
import { Status } from "../../src/protocol/errors.ts";
import { openKeyFiles } from "../../src/store/key_files.ts";
import { GatePeer, type Reply } from "../helpers/gate_peer.ts";
import { eventually } from "../helpers/eventually.ts";
import { heapInUse } from "../helpers/heap.ts";
import { ManualClock } from "../helpers/manual_clock.ts";
import { RawSocket, upgradeRequest } from "../helpers/raw_socket.ts";
import { WatchedLogger, watchSecret } from "../helpers/watched_logger.ts";

const encoder = new TextEncoder();
const SECRET = "correct horse battery staple";
const PIN = "11223344";
const OWNER_ADDRESS = "192.0.2.1";
const GUESSER_ADDRESS = "198.51.100.7";

/** A broker with a registered `alice` and `bob`, to be attacked from any address, in time that the test moves. */
class Target implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly keys: MemoryKeys;
  readonly broker: Broker;
  readonly #logger = new WatchedLogger();
  readonly #peers = new Set<GatePeer>();
  #ports = 1_024;

  constructor(options: BrokerOptions = {}) {
    watchSecret(SECRET);
    const key = { kind: "secret", bytes: encoder.encode(SECRET) } as const;
    this.keys = new MemoryKeys([["alice", key], ["bob", key]]);
    this.broker = new Broker({
      ...{ keys: this.keys, clock: this.clock, logger: this.#logger },
      tenants: [{ tenant: ".", secret: PIN }],
      ...options,
    });
  }

  connect(address: string = OWNER_ADDRESS): GatePeer {
    const [ours, theirs] = memoryPair();
    this.broker.accept(from(`${address}:${this.#ports++}`, theirs));
    const peer = new GatePeer(ours, address);
    this.#peers.add(peer);
    void peer.closed.then(() => this.#peers.delete(peer));
    return peer;
  }

  /** Moves time until something settles. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const noted = promise.finally(() => isSettled = true);
    while (!isSettled) {
      await turn();
      if (!isSettled) await this.clock.advance(10);
    }
    return await noted;
  }

  /** Everything that was there before works as ever. */
  async assertUnharmed(): Promise<void> {
    const [publisher, subscriber] = [this.connect(), this.connect()];
    for (const [peer, name] of [[publisher, "alice"], [subscriber, "bob"]] as const) {
      assertEquals(await this.settle(peer.login(name, SECRET)), Status.OK);
      await peer.admin("__config__", { cmd: "reactive", status: true });
    }
    await subscriber.admin("still/here", { cmd: "subscribe", msg_from: 0 });
    assertEquals((await publisher.publish("still/here", 7, 1)).status, Status.OK);
    await subscriber.barrier();
    assertEquals(subscriber.delivered.map(({ number }) => number), [7]);
    await publisher[Symbol.asyncDispose]();
    await subscriber[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closing = [...this.#peers].map((peer) => peer[Symbol.asyncDispose]());
    await this.settle(Promise.all([...closing, this.broker.close()]));
    this.#logger.assertClean();
  }
}

/** A link that seems to come from another address. */
function from(remote: string, link: Link): Link {
  return {
    remote,
    get bufferedBytes() {
      return link.bufferedBytes;
    },
    start: (handler) => link.start(handler),
    send: (head, tail) => link.send(head, tail),
    pause: () => link.pause(),
    resume: () => link.resume(),
    limitMessages: (bytesMax) => link.limitMessages(bytesMax),
    close: (code, reason) => link.close(code, reason),
    terminate: () => link.terminate(),
  };
}

/** Lets WebCrypto and the like come to an end. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

async function attestationOf(
  secret: string,
  name: string,
  challenge: Uint8Array,
): Promise<Uint8Array> {
  const signer = await readSigner(encoder.encode(secret));
  return await signer.attest(challenge, name);
}

/** What a guesser was told, and how often. */
async function guess(
  target: Target,
  options: { readonly forMs: number; readonly everyMs: number },
  attempt: (peer: GatePeer, number: number) => Promise<Reply>,
): Promise<Map<string, number>> {
  const told = new Map<string, number>();
  const running: Promise<void>[] = [];
  const until = target.clock.now() + options.forMs;
  for (let number = 0; target.clock.now() < until; number++) {
    const peer = target.connect(GUESSER_ADDRESS);
    running.push(
      attempt(peer, number).then(async ({ data }) => {
        told.set(String(data), (told.get(String(data)) ?? 0) + 1);
        await peer[Symbol.asyncDispose]();
      }),
    );
    await turn();
    await target.clock.advance(options.everyMs);
  }
  await target.settle(Promise.all(running));
  return told;
}

Deno.test("a guessed secret is checked ever more seldom, and the owner gets in meanwhile", async () => {
  await using target = new Target();
  const told = await guess(target, { forMs: 60_000, everyMs: 100 }, async (peer, number) => {
    const challenge = await peer.challengeFor("alice");
    return await peer.attest("alice", await attestationOf(`guess ${number}`, "alice", challenge));
  });
  const checked = told.get("authentication failed") ?? 0;
  const refused = told.get("too many failed attempts, try again later") ?? 0;
  assert(checked >= 5 && checked <= 14, `${checked} were checked`);
  assert(refused > 500, `${refused} were refused`);
  const owner = target.connect();
  const startMs = target.clock.now();
  assertEquals(await target.settle(owner.login("alice", SECRET)), Status.OK);
  assertLessOrEqual(target.clock.now() - startMs, 600);
  await owner[Symbol.asyncDispose]();
  await target.assertUnharmed();
});

Deno.test("a guesser who tries one name after the other is slowed down by his address", async () => {
  await using target = new Target();
  const pauses: number[] = [];
  for (let number = 0; number < 30; number++) {
    const name = `name${number}`;
    await target.keys.put(name, { kind: "secret", bytes: encoder.encode(SECRET) });
    const peer = target.connect(GUESSER_ADDRESS);
    await peer.challengeFor(name);
    const startMs = target.clock.now();
    const { status } = await target.settle(peer.attest(name, new Uint8Array(32)));
    assertEquals(status, Status.ERROR);
    pauses.push(target.clock.now() - startMs);
    await peer[Symbol.asyncDispose]();
  }
  assert(pauses.slice(0, 20).every((pause) => pause < 400), pauses.join());
  assert(pauses.slice(20).every((pause) => pause >= 500), pauses.join());
  await target.assertUnharmed();
});

Deno.test("a guessed PIN registers nobody, and whoever has it registers from elsewhere", async () => {
  await using target = new Target();
  const { publicPem } = await generateKeys("ecdsa");
  const publicKey = encoder.encode(publicPem);
  const told = await guess(
    target,
    { forMs: 30_000, everyMs: 100 },
    (peer, number) =>
      peer.register({
        cid: `thief${number}`,
        pin: `${10_000_000 + number}`,
        publicKey,
        keyType: 2,
      }),
  );
  assertLessOrEqual(told.get("wrong tenant/pin") ?? 0, 13);
  assertEquals(target.keys.names(), ["alice", "bob"]);
  const late = target.connect(GUESSER_ADDRESS);
  const right = { cid: "thief", pin: PIN, publicKey, keyType: 2 };
  assertEquals((await target.settle(late.register(right))).status, Status.ERROR, "he has to wait");
  const operator = target.connect();
  const reply = await target.settle(operator.register({ ...right, cid: "carol" }));
  assertEquals(reply.status, Status.OK);
  assertEquals(target.keys.names(), ["alice", "bob", "carol"]);
});

Deno.test("an attestation that was overheard is worth nothing", async () => {
  await using target = new Target();
  const owner = target.connect();
  const challenge = await owner.challengeFor("alice");
  assertEquals(challenge.length, 32);
  const overheard = await attestationOf(SECRET, "alice", challenge);
  assertEquals((await owner.attest("alice", overheard)).status, Status.OK);
  await owner[Symbol.asyncDispose]();
  const thief = target.connect(GUESSER_ADDRESS);
  assertEquals(
    (await thief.attest("alice", overheard)).status,
    Status.ERROR,
    "without a challenge",
  );
  const other = await thief.challengeFor("alice");
  assert(other.toHex() !== challenge.toHex(), "each challenge is another one");
  assertEquals((await thief.attest("alice", overheard)).status, Status.ERROR, "to another one");
  const right = await attestationOf(SECRET, "alice", other);
  assertEquals((await thief.attest("alice", right)).status, Status.ERROR, "it is used up");
  await target.assertUnharmed();
});

Deno.test("a challenge is good for the connection that got it, and for the name it was asked for", async () => {
  await using target = new Target();
  const { privatePem, publicPem } = await generateKeys("ecdsa");
  await target.keys.put("dave", { kind: "ecdsa", bytes: encoder.encode(publicPem) });
  const signer = await readSigner(encoder.encode(privatePem));
  const [one, other] = [target.connect(), target.connect()];
  const challenge = await one.challengeFor("dave");
  await other.challengeFor("dave");
  const signature = await signer.attest(challenge, "dave");
  assertEquals((await other.attest("dave", signature)).status, Status.ERROR, "another connection");
  assertEquals((await one.attest("alice", signature)).status, Status.ERROR, "another name");
  assertEquals((await one.attest("dave", signature)).status, Status.ERROR, "used up by that");
  const again = await one.challengeFor("alice");
  const asDave = await signer.attest(again, "dave");
  assertEquals((await one.attest("dave", asDave)).status, Status.ERROR, "not asked for this name");
  const last = await one.challengeFor("dave");
  const forAlice = await signer.attest(last, "alice");
  assertEquals(
    (await one.attest("dave", forAlice)).status,
    Status.ERROR,
    "signed for another name",
  );
  assertEquals([one.name, other.name], [null, null]);
});

Deno.test("a login that never ends is ended after five seconds", async () => {
  await using target = new Target({ authenticated: true });
  const [silent, slow] = [target.connect(), target.connect()];
  await slow.challengeFor("alice");
  await target.clock.advance(4_900);
  assertEquals(target.broker.sessionCount, 2);
  await target.clock.advance(200);
  assertEquals((await target.settle(silent.closed)).code, 1008);
  assertEquals((await target.settle(slow.closed)).code, 1008);
  await target.assertUnharmed();
});

Deno.test("a login that is too large is ended at once, over WebSocket too", async () => {
  await using target = new Target({ authenticated: true });
  const listener = listenWebSocket({
    hostname: "127.0.0.1",
    port: 0,
    onLink: (link) => target.broker.accept(link),
  });
  const peers = [
    target.connect(),
    new GatePeer(await dialWebSocket(listener.url, { signal: AbortSignal.timeout(5_000) }), "ws"),
  ];
  for (const peer of peers) {
    const reply = peer.attest("alice", new Uint8Array(70_000));
    assertEquals((await target.settle(peer.closed)).code, 1009, peer.label);
    assertEquals((await reply).status, -1);
  }
  await listener.close();
  await target.assertUnharmed();
});

Deno.test("a page of another web site does not get through to the broker", async () => {
  await using target = new Target();
  const listener = listenWebSocket({
    hostname: "127.0.0.1",
    port: 0,
    origins: ["https://plant.example"],
    onLink: (link) => target.broker.accept(link),
  });
  const cases: readonly (readonly [origin: string | null, status: number])[] = [
    [null, 101],
    ["https://plant.example", 101],
    ["https://evil.example", 403],
    ["https://plant.example.evil.example", 403],
    ["http://plant.example", 403],
    ["https://plant.example:8443", 403],
    ["https://plant.example@evil.example", 403],
    ["null", 403],
    ["*", 403],
  ];
  for (const [origin, status] of cases) {
    using socket = await RawSocket.connect(listener.port ?? 0);
    await socket.send(upgradeRequest(origin === null ? [] : [`Origin: ${origin}`]));
    const head = await socket.head();
    assertEquals(head.slice(0, 12), `HTTP/1.1 ${status}`, origin ?? "none");
  }
  await eventually(() => assertEquals(target.broker.sessionCount, 0));
  await listener.close();
  await target.assertUnharmed();
});

/** Names that mean something to a path, a shell, a query, a pattern or a terminal. */
const EVIL_NAMES: readonly string[] = [
  ...["../../evil", "/etc/evil", "a/../b", "a//b", "./a", "a/", ".secret", "a/.hidden", ".."],
  ...["C:\\evil", "..\\evil", "a\\b", "a:b", "con\u0000", "a\nb", "\u001b[31mred", "a b", " a"],
  ...["*", "**", "a*", "a/**", "'; drop table tenant; --", '"', "`id`", "$(id)", "%2e%2e%2fevil"],
  ...["a?b", "a#b", "\u202egnp", "\uff0e\uff0e/a", "repl", "", "x".repeat(10_240)],
];

Deno.test("names that are none reach no path, no query and no pattern", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const inner = `${directory}/broker/keys`;
    await Deno.mkdir(inner, { recursive: true });
    const keys = await openKeyFiles(inner);
    const root = { kind: "secret", bytes: encoder.encode(SECRET) } as const;
    await using target = new Target({ keys: new KeysWith("alice", root, keys), admins: ["alice"] });
    const admin = target.connect();
    assertEquals(await target.settle(admin.login("alice", SECRET)), Status.OK);
    const { publicPem } = await generateKeys("ecdsa");
    const publicKey = encoder.encode(publicPem);
    for (const cid of EVIL_NAMES) {
      const what = JSON.stringify(cid.slice(0, 40));
      const peer = target.connect();
      const registered = await target.settle(
        peer.register({ cid, pin: PIN, publicKey, keyType: 2 }),
      );
      assert(registered.status !== Status.OK, `${what} was registered`);
      const commands = [
        ["some/topic", { cmd: "authorize", cid }],
        ["__config__", { cmd: "add_user", cid, key: publicKey }],
        ["__config__", { cmd: "add_admin", cid }],
        ["__config__", { cmd: "remove_user", cid }],
      ] as const;
      for (const [topic, data] of commands) {
        const { status } = await target.settle(admin.admin(topic, data));
        assert(status !== Status.OK, `${data.cmd} took ${what}`);
      }
      const { status } = await target.settle(
        peer.ask((id) => ({ type: "identity", id, cid })),
      );
      assert(status !== Status.OK && status !== Status.CHALLENGE, `${what} was let in`);
      await peer[Symbol.asyncDispose]();
    }
    assertEquals(keys.names(), []);
    assertEquals(await filesBelow(directory), []);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("topics that mean something elsewhere are only topics", async () => {
  await using target = new Target({ admins: ["alice"] });
  const admin = target.connect();
  assertEquals(await target.settle(admin.login("alice", SECRET)), Status.OK);
  const topics = [
    "../../evil",
    "'; drop table x; --",
    "__proto__",
    "constructor",
    "a\u0000b",
    "(a+)+$",
  ];
  for (const topic of topics) {
    const made = await admin.admin(topic, { cmd: "private_topic" });
    const peer = target.connect();
    const { status } = await peer.publish(topic, 1, 1);
    assertEquals(status, Status.ERROR, `${JSON.stringify(topic)} after ${made.status}`);
    assertEquals(
      (await peer.publish(`${topic}x`, 1, 1)).status === Status.OK,
      !topic.startsWith("__"),
    );
  }
  const everything = await admin.admin("__config__", { cmd: "private_topics_config" });
  assertEquals(everything.status, Status.OK);
});

Deno.test("a component that floods is read slowly, loses nothing, and holds nobody else up", async () => {
  await using target = new Target({ rateLimit: { messages: 100 } });
  const [flooder, other, subscriber] = [target.connect(), target.connect(), target.connect()];
  await subscriber.admin("__config__", { cmd: "reactive", status: true });
  for (const topic of ["flood", "quiet"]) {
    await subscriber.admin(topic, { cmd: "subscribe", msg_from: 0 });
  }
  await target.clock.advance(1_000);
  for (let number = 0; number < 350; number++) void flooder.publish("flood", number, 0);
  const received = (): number => subscriber.delivered.filter(({ wire }) => wire === "flood").length;
  await target.clock.advance(0);
  await turn();
  assert(received() >= 100 && received() <= 110, `${received()} came at once`);
  assertEquals((await other.publish("quiet", 1, 1)).status, Status.OK);
  await subscriber.barrier();
  assert(received() <= 110, `${received()} came without time`);
  assertEquals(subscriber.delivered.at(-1)?.wire, "quiet");
  for (let step = 0; step < 100; step++) await target.clock.advance(10);
  assert(received() >= 190 && received() <= 210, `${received()} came within a second`);
  for (let step = 0; step < 200; step++) await target.clock.advance(10);
  const numbers = subscriber.delivered.filter(({ wire }) => wire === "flood").map(({ number }) =>
    number
  );
  assertEquals(numbers, Array.from({ length: 350 }, (_, number) => number));
});

const ATTEMPTS = 1_000;
/** Where one in two attempts left its name behind, each wave would add twice as much. */
const GROWTH_BYTES_MAX: number = 15 * 2 ** 20;

Deno.test("memory stays flat under thousands of logins that fail", async () => {
  await using target = new Target();
  const filler = "x".repeat(60_000);
  const attack = async (wave: number): Promise<number> => {
    for (let number = wave * ATTEMPTS; number < (wave + 1) * ATTEMPTS; number++) {
      const peer = target.connect(`10.0.${(number >> 8) & 255}.${number & 255}`);
      const cid = number % 2 === 0 ? `name${number}` : `${number}${filler}`;
      await peer.challengeFor("alice");
      void peer.attest(cid, new Uint8Array(1_000));
      await peer[Symbol.asyncDispose]();
      await target.clock.advance(1);
    }
    // Checks that wait for their turn end.
    await target.clock.advance(5_000);
    await turn();
    return heapInUse();
  };
  await attack(0);
  const before = await attack(1);
  const between = await attack(2);
  const after = await attack(3);
  assertEquals(target.broker.sessionCount, 0);
  const shown = [before, between, after].map((bytes) => `${Math.round(bytes / 2 ** 20)} MiB`);
  assert(after - before < GROWTH_BYTES_MAX, shown.join(", "));
  await target.assertUnharmed();
});

/** One key in memory; all others are on files. */
class KeysWith extends MemoryKeys {
  readonly #files: Keys;

  constructor(name: string, key: StoredKey, files: Keys) {
    super([[name, key]]);
    this.#files = files;
  }

  override put(name: string, key: StoredKey): Promise<boolean> {
    return this.#files.put(name, key);
  }

  override remove(name: string): Promise<boolean> {
    return this.#files.remove(name);
  }
}

async function filesBelow(directory: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = `${directory}/${name}`;
    if (isDirectory) found.push(...await filesBelow(path));
    else found.push(path);
  }
  return found;
}
