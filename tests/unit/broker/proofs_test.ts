// Logins by key and PIN against a whole broker, over links in memory, with peers that do only what a test says.
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { AuditEntry } from "../../../src/broker/audit.ts";
import { Broker } from "../../../src/broker/broker.ts";
import { MemoryKeys, type StoredKey } from "../../../src/broker/keys.ts";
import type { BrokerOptions } from "../../../src/broker/options.ts";
import { hostOf } from "../../../src/broker/proofs.ts";
import { generateKeys } from "../../../src/identity/generate.ts";
import { readSigner } from "../../../src/identity/signer.ts";
import { memoryPair } from "../../../src/link/memory.ts";
import { fromBase64 } from "../../../src/protocol/base64.ts";
import { Status } from "../../../src/protocol/errors.ts";
import type { Encoding, MsgId, Packet, Response } from "../../../src/protocol/packet.ts";
import { Payload } from "../../../src/protocol/payload.ts";
import { eventually } from "../../helpers/eventually.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";
import { RawSession } from "../../helpers/raw_session.ts";

const encoder = new TextEncoder();
const PINS = [{ tenant: ".", secret: "11223344" }, { tenant: "org", secret: "deadbeef" }];
const SECRET: StoredKey = { kind: "secret", bytes: encoder.encode("s3cret") };
let nextId = 1n;

interface Setting extends AsyncDisposable {
  readonly broker: Broker;
  readonly keys: MemoryKeys;
  readonly clock: ManualClock;
  readonly audit: AuditEntry[];
  session(encoding?: Encoding): RawSession;
}

function start(options: BrokerOptions = {}): Setting {
  const clock = new ManualClock();
  const keys = new MemoryKeys([["alice", SECRET]]);
  const audit: AuditEntry[] = [];
  const broker = new Broker({
    clock,
    keys,
    tenants: PINS,
    drainMs: 0,
    audit: (entry) => audit.push(entry),
    ...options,
  });
  const sessions: RawSession[] = [];
  return {
    broker,
    keys,
    clock,
    audit,
    session(encoding = "cbor"): RawSession {
      const [ours, theirs] = memoryPair();
      void broker.accept(theirs);
      const session = new RawSession(ours, encoding);
      sessions.push(session);
      return session;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      const closing = broker.close();
      await eventually(async () => {
        await clock.advance(10);
        assertEquals(broker.sessionCount, 0);
      });
      await closing;
      await Promise.all(sessions.map((one) => one.closed));
    },
  };
}

type Question = Packet extends infer P ? P extends { id: unknown } ? Omit<P, "id"> : never : never;

async function ask(session: RawSession, packet: Question): Promise<Response> {
  const id = nextId++ as MsgId;
  session.send({ ...packet, id } as Packet);
  const answer = await session.next();
  assertEquals(answer.packet.type, "response");
  assertEquals((answer.packet as Response).id, id);
  return answer.packet as Response;
}

/** The challenge that IDENTITY is answered with. */
async function challenge(session: RawSession, cid: string): Promise<Uint8Array> {
  const { status, data } = await ask(session, { type: "identity", cid });
  assertEquals(status, Status.CHALLENGE);
  const { value } = data;
  return typeof value === "string" ? fromBase64(value) : value as Uint8Array;
}

async function answer(
  session: RawSession,
  bytes: Uint8Array,
  { cid = "alice", secret = "s3cret" }: { cid?: string; secret?: string } = {},
): Promise<Response> {
  const signer = await readSigner(encoder.encode(secret));
  return await ask(session, {
    type: "attestation",
    cid,
    signature: await signer.attest(bytes, cid),
  });
}

function rid(session: RawSession): Promise<Response> {
  return ask(session, {
    type: "rpc",
    topic: "rid",
    target: null,
    data: Payload.fromValue([]),
    extras: null,
  });
}

for (const encoding of ["cbor", "json"] as const) {
  for (const scheme of ["rsa", "ecdsa"] as const) {
    Deno.test(`a name is registered with ${scheme}, proved and given up, over ${encoding}`, async () => {
      await using setting = start();
      const { privatePem, publicPem } = await generateKeys(scheme);
      const first = setting.session(encoding);
      const registered = await ask(first, {
        type: "register",
        cid: "bob.org",
        pin: "deadbeef",
        publicKey: encoder.encode(publicPem),
        keyType: scheme === "rsa" ? 1 : 2,
      });
      assertEquals([registered.status, registered.data.value], [Status.OK, null]);
      assertEquals((await setting.keys.get("bob.org"))?.kind, scheme);
      const session = setting.session(encoding);
      const bytes = await challenge(session, "bob.org");
      assertEquals(bytes.byteLength, 32);
      const { status } = await answer(session, bytes, { cid: "bob.org", secret: privatePem });
      assertEquals(status, Status.OK);
      assert(setting.broker.component("bob.org")?.connected);
      const { status: gone } = await ask(session, { type: "unregister" });
      assertEquals([gone, setting.keys.has("bob.org")], [Status.OK, false]);
    });
  }
}

Deno.test("a wrong signature is refused, and the connection stays anonymous", async () => {
  await using setting = start();
  const session = setting.session();
  const { status, data } = await answer(session, await challenge(session, "alice"), {
    secret: "wrong",
  });
  assertEquals([status, data.value], [Status.ERROR, "authentication failed"]);
  assertEquals((await rid(session)).status, Status.OK);
  assertEquals(setting.broker.component("alice")?.connected ?? false, false);
  assertEquals((await answer(session, await challenge(session, "alice"))).status, Status.OK);
});

Deno.test("a challenge is good for one answer, of its name, on its connection", async () => {
  await using setting = start();
  setting.keys.put("carol", SECRET);
  const session = setting.session();
  const bytes = await challenge(session, "alice");
  assertEquals((await answer(session, bytes, { cid: "carol" })).status, Status.ERROR);
  const again = await answer(session, bytes);
  assertEquals(again.data.value, "expected a challenge to answer, got none");
  const other = setting.session();
  assertNotEquals(await challenge(other, "alice"), bytes);
  assertEquals((await answer(other, bytes)).status, Status.ERROR);
  assertEquals((await answer(setting.session(), bytes)).status, Status.ERROR);
});

Deno.test("who is challenged and does not answer within 5 s is closed", async () => {
  await using setting = start();
  const session = setting.session();
  await challenge(session, "alice");
  await setting.clock.advance(4_999);
  assertEquals((await rid(session)).status, Status.OK);
  await setting.clock.advance(1);
  assertEquals((await session.closed).code, 1008);
});

Deno.test("a message of more than 64 KiB while a login is under way closes", async () => {
  await using setting = start({ authenticated: true });
  const session = setting.session();
  session.sendRaw(new Uint8Array(64 * 1024 + 1));
  assertEquals((await session.closed).code, 1009);
});

Deno.test("with authenticated, nothing is done before a login", async () => {
  await using setting = start({ authenticated: true });
  let seen = 0;
  await setting.broker.handle.subscribe("t", () => void seen++);
  const session = setting.session();
  const refusedRid = await rid(session);
  assertEquals([refusedRid.status, refusedRid.data.value], [Status.ERROR, "not authenticated"]);
  const publication = {
    type: "publish",
    topic: "t",
    qos: 1,
    slot: null,
    data: Payload.fromValue([1]),
    extras: null,
    frame: null,
  } as const;
  session.send({ ...publication, qos: 0, id: null });
  assertEquals((await ask(session, publication)).status, Status.ERROR);
  const admin = await ask(session, { type: "admin", topic: "t", data: { cmd: "subscribe" } });
  assertEquals(admin.status, Status.ERROR);
  assertEquals((await ask(session, { type: "unregister" })).status, Status.ERROR);
  assertEquals((await answer(session, await challenge(session, "alice"))).status, Status.OK);
  assertEquals((await rid(session)).status, Status.OK);
  assertEquals(seen, 0);
});

Deno.test("with authenticated, a name without a key is challenged like any other", async () => {
  await using setting = start({ authenticated: true });
  const session = setting.session();
  const bytes = await challenge(session, "nobody");
  const { status, data } = await answer(session, bytes, { cid: "nobody" });
  assertEquals([status, data.value], [Status.ERROR, "authentication failed"]);
});

Deno.test("with authenticated, who says nothing gets a challenge after 250 ms, and is closed after 5 s", async () => {
  await using setting = start({ authenticated: true });
  const silent = setting.session();
  const session = setting.session();
  await setting.clock.advance(250);
  const { packet } = await session.next();
  assertEquals([packet.type, packet.id], ["response", 0x1234_5678_dead_beefn as MsgId]);
  const bytes = (packet as Response).data.value as Uint8Array;
  assertEquals((await answer(session, bytes)).status, Status.OK);
  await setting.clock.advance(4_750);
  assertEquals((await silent.closed).code, 1008);
  assertEquals((await rid(session)).status, Status.OK);
});

Deno.test("an IDENTITY that crosses the challenge sent unasked gets the same one", async () => {
  await using setting = start({ authenticated: true });
  const session = setting.session();
  await setting.clock.advance(250);
  const { packet } = await session.next();
  const unasked = (packet as Response).data.value;
  assertEquals(await challenge(session, "alice"), unasked);
  assertEquals((await answer(session, unasked as Uint8Array)).status, Status.OK);
  // Rembus.jl answers both.
  assertEquals((await answer(session, unasked as Uint8Array)).status, Status.OK);
});

Deno.test("accept() resolves when a peer is admitted, or gone", async () => {
  await using setting = start({ authenticated: true });
  const admitted: string[] = [];
  const open = (label: string): RawSession => {
    const [ours, theirs] = memoryPair();
    void setting.broker.accept(theirs).then(() => admitted.push(label));
    return new RawSession(ours);
  };
  const first = open("first");
  const second = open("second");
  await using _first = first;
  assertEquals((await rid(first)).status, Status.ERROR);
  assertEquals(admitted, []);
  second.terminate();
  await second.closed;
  await eventually(() => assertEquals(admitted.length, 1));
  await answer(first, await challenge(first, "alice"));
  await eventually(() => assertEquals(admitted.length, 2));
  assertEquals(admitted, ["second", "first"]);
});

Deno.test("REGISTER is refused without tenant, with a wrong PIN, a bad key, and for a taken name", async () => {
  await using setting = start();
  const { publicPem } = await generateKeys("ecdsa");
  const session = setting.session();
  const register = async (over: Partial<Extract<Packet, { type: "register" }>>) => {
    const { status, data } = await ask(session, {
      type: "register",
      cid: "bob",
      pin: "11223344",
      publicKey: encoder.encode(publicPem),
      keyType: 2,
      ...over,
    });
    return [status, data.value];
  };
  assertEquals(await register({ cid: "bob.t3" }), [10, "tenant [t3] not enabled"]);
  assertEquals(await register({ pin: "1122334" }), [10, "wrong tenant/pin"]);
  assertEquals(await register({ cid: "alice" }), [60, "[alice] not available"]);
  assertEquals((await register({ cid: "broker" }))[0], 10);
  for (const cid of ["../evil", "/etc/passwd", "a/../b", "a\u0000b", "x".repeat(10_000), ""]) {
    assertEquals((await register({ cid }))[0], 10, cid.slice(0, 20));
  }
  for (const publicKey of [new Uint8Array(), encoder.encode("no key"), new Uint8Array(20_000)]) {
    assertEquals((await register({ publicKey }))[0], 10);
  }
  assertEquals((await register({ keyType: 1 }))[0], 10, "told another kind");
  assertEquals(setting.keys.names(), ["alice"]);
  assertEquals(await register({}), [0, null]);
  assertEquals(await register({}), [60, "[bob] not available"]);
});

Deno.test("who holds a name without a key loses it when that is registered by another", async () => {
  await using setting = start();
  const { publicPem } = await generateKeys("ecdsa");
  const squatter = setting.session();
  assertEquals((await ask(squatter, { type: "identity", cid: "bob" })).status, Status.OK);
  const { status } = await ask(setting.session(), {
    type: "register",
    cid: "bob",
    pin: "11223344",
    publicKey: encoder.encode(publicPem),
    keyType: 2,
  });
  assertEquals(status, Status.OK);
  assertEquals((await squatter.closed).code, 1008);
});

Deno.test("a key that was put there behind the back of the broker counts at the next login", async () => {
  await using setting = start();
  const { keys } = setting;
  const hidden = keys.has.bind(keys);
  keys.has = (name) => name !== "alice" && hidden(name);
  const session = setting.session();
  assertEquals((await ask(session, { type: "identity", cid: "alice" })).status, Status.OK);
  assertEquals((await session.closed).code, 1008);
});

Deno.test("a later IDENTITY on a named connection is answered, and changes nothing", async () => {
  await using setting = start();
  const session = setting.session();
  await answer(session, await challenge(session, "alice"));
  assertEquals((await ask(session, { type: "identity", cid: "alice" })).status, Status.OK);
  const { status } = await ask(session, { type: "identity", cid: "bob" });
  assertEquals(status, Status.IDENTIFICATION_ERROR);
  assert(setting.broker.component("alice")?.connected);
});

Deno.test("only the owner of a key gives it up", async () => {
  await using setting = start();
  const session = setting.session();
  await ask(session, { type: "identity", cid: "bob" });
  const { status, data } = await ask(session, { type: "unregister" });
  assertEquals([status, data.value], [Status.ERROR, "invalid operation"]);
});

Deno.test("guesses are slowed down, and checked one at a time", async () => {
  await using setting = start();
  const guess = async (secret: string): Promise<Response> => {
    const session = setting.session();
    return await answer(session, await challenge(session, "alice"), { secret });
  };
  for (let n = 0; n < 3; n++) assertEquals((await guess("wrong")).status, Status.ERROR);
  const session = setting.session();
  const bytes = await challenge(session, "alice");
  const { pending } = setting.clock;
  const waiting = answer(session, bytes, { secret: "wrong" });
  await eventually(() => assertEquals(setting.clock.pending, pending + 1));
  // It is held back: what comes at the same time is not even looked at.
  assertEquals((await guess("s3cret")).data.value, "too many failed attempts, try again later");
  assertEquals(session.untaken, 0);
  await setting.clock.advance(200);
  assertEquals((await waiting).data.value, "authentication failed");
});

Deno.test("a login that could not be checked is not taken for one that is under way", async () => {
  await using setting = start();
  const login = async (): Promise<unknown> => {
    const session = setting.session();
    return (await answer(session, await challenge(session, "alice"))).data.value;
  };
  const get = setting.keys.get.bind(setting.keys);
  setting.keys.get = () => Promise.reject(new Error("no disk"));
  for (let n = 0; n < 3; n++) assertEquals(await login(), "cannot check it at the moment");
  setting.keys.get = get;
  await setting.clock.advance(200);
  assertEquals(await login(), null);
});

Deno.test("the owner replaces a connection that is silent, not one that lives", async () => {
  await using setting = start();
  const old = setting.session();
  assertEquals((await answer(old, await challenge(old, "alice"))).status, Status.OK);
  const probe = old.next();
  const next = setting.session();
  const claim = answer(next, await challenge(next, "alice"));
  const { packet } = await probe;
  assertEquals(packet.type, "rpc");
  old.send({
    type: "response",
    id: packet.id as MsgId,
    status: 0,
    data: Payload.fromValue("alice"),
  });
  assertEquals((await claim).status, Status.IDENTIFICATION_ERROR);
  const third = setting.session();
  const silent = answer(third, await challenge(third, "alice"));
  await old.next();
  await setting.clock.advance(1_000);
  assertEquals((await silent).status, Status.OK);
  assertEquals((await old.closed).code, 1008);
});

Deno.test("with overwriteConnection the second connection replaces the first at once", async () => {
  await using setting = start({ overwriteConnection: true });
  const first = setting.session();
  await ask(first, { type: "identity", cid: "bob" });
  const second = setting.session();
  assertEquals((await ask(second, { type: "identity", cid: "bob" })).status, Status.OK);
  assertEquals((await first.closed).code, 1008);
});

Deno.test("refused logins and those of admins are in the audit trail, without secrets", async () => {
  await using setting = start({ admins: ["alice"] });
  await setting.keys.put("bob", SECRET);
  const session = setting.session();
  await answer(session, await challenge(session, "alice"), { secret: "wrong" });
  await answer(session, await challenge(session, "alice"));
  const other = setting.session();
  await answer(other, await challenge(other, "bob"), { cid: "bob" });
  assertEquals(
    setting.audit.map(({ action, by, outcome, reason }) => [action, by, outcome, reason]),
    [
      ["login", "alice", "refused", "authentication failed"],
      ["login", "alice", "done", null],
    ],
  );
  assert(!JSON.stringify(setting.audit).includes("s3cret"));
});

Deno.test("hostOf() leaves the port away", () => {
  assertEquals(["127.0.0.1:5012", "[::1]:80", "memory"].map(hostOf), [
    "127.0.0.1",
    "::1",
    "memory",
  ]);
});
