// Commands of admins against a whole broker, over links of this process, where a name needs no key to be an admin.
import { assert, assertEquals } from "@std/assert";
import type { AuditEntry } from "../../../src/broker/audit.ts";
import { Broker } from "../../../src/broker/broker.ts";
import { MemoryKeys } from "../../../src/broker/keys.ts";
import type { BrokerOptions } from "../../../src/broker/options.ts";
import { generateKeys } from "../../../src/identity/generate.ts";
import { memoryPair } from "../../../src/link/memory.ts";
import { toBase64 } from "../../../src/protocol/base64.ts";
import { Status } from "../../../src/protocol/errors.ts";
import type { MsgId, Response } from "../../../src/protocol/packet.ts";
import { KeptBroker } from "../../helpers/kept_broker.ts";
import { RawSession } from "../../helpers/raw_session.ts";

let nextId = 1n;

interface Setting extends AsyncDisposable {
  readonly broker: Broker;
  readonly keys: MemoryKeys;
  readonly audit: AuditEntry[];
  login(name: string): Promise<RawSession>;
  /** Runs a command as the admin "root". */
  run(cmd: string, fields?: Record<string, unknown>, topic?: string): Promise<[number, unknown]>;
}

async function start(options: BrokerOptions = {}): Promise<Setting> {
  const keys = new MemoryKeys();
  const audit: AuditEntry[] = [];
  const broker = new Broker({
    keys,
    admins: ["root"],
    drainMs: 0,
    audit: (entry) => audit.push(entry),
    ...options,
  });
  await broker.recall();
  const sessions: RawSession[] = [];
  const login = async (name: string): Promise<RawSession> => {
    const [ours, theirs] = memoryPair();
    void broker.accept(theirs, { trusted: true });
    const session = new RawSession(ours);
    sessions.push(session);
    session.send({ type: "identity", id: nextId++ as MsgId, cid: name });
    await session.next();
    return session;
  };
  const root = await login("root");
  return {
    broker,
    keys,
    audit,
    login,
    run: (cmd, fields = {}, topic = "__config__") => run(root, { ...fields, cmd }, topic),
    async [Symbol.asyncDispose](): Promise<void> {
      await broker.close();
      await Promise.all(sessions.map((one) => one.closed));
    },
  };
}

async function run(
  session: RawSession,
  data: Record<string, unknown>,
  topic = "__config__",
): Promise<[number, unknown]> {
  session.send({ type: "admin", id: nextId++ as MsgId, topic, data });
  const { packet } = await session.next();
  const { status, data: answer } = packet as Response;
  return [status, answer.value];
}

const COMMANDS = [
  ["private_topic", {}],
  ["public_topic", {}],
  ["authorize", { cid: "bob" }],
  ["unauthorize", { cid: "bob" }],
  ["private_topics_config", {}],
  ["list_users", {}],
  ["add_user", { cid: "bob", secret: "x" }],
  ["remove_user", { cid: "bob" }],
  ["list_admins", {}],
  ["add_admin", { cid: "bob" }],
  ["remove_admin", { cid: "bob" }],
  ["list_tenants", {}],
  ["put_tenant", { tenant: "org", pin: "1" }],
  ["remove_tenant", { tenant: "org" }],
  ["why", { cid: "bob", action: "publish", topic: "t" }],
  ["broker_config", {}],
  ["load_config", {}],
  ["save_config", {}],
  ["shutdown", {}],
  ["enable_debug", {}],
  ["disable_debug", {}],
] as const;

Deno.test("every command is for admins only, and a refusal is noted", async () => {
  let ended = 0;
  await using setting = await start({
    control: { shutdown: () => void ended++, setDebug: () => void ended++ },
  });
  const alice = await setting.login("alice");
  for (const [cmd, fields] of COMMANDS) {
    assertEquals(await run(alice, { ...fields, cmd }, "t"), [Status.ERROR, "unauthorized"], cmd);
  }
  assertEquals(ended, 0);
  assertEquals(setting.keys.names(), []);
  assertEquals(
    setting.audit.map(({ action, by, outcome }) => [action, by, outcome]),
    COMMANDS.map(([cmd]) => [cmd, "alice", "refused"]),
  );
});

Deno.test("an admin by name alone is none over a link from outside", async () => {
  await using setting = await start();
  const [ours, theirs] = memoryPair();
  void setting.broker.accept(theirs);
  await using session = new RawSession(ours);
  session.send({ type: "identity", id: nextId++ as MsgId, cid: "boss" });
  await session.next();
  await setting.run("add_admin", { cid: "boss" });
  assertEquals(await run(session, { cmd: "list_admins" }), [Status.ERROR, "unauthorized"]);
});

Deno.test("an unknown command is answered with 47, one without cmd with 10", async () => {
  await using setting = await start();
  assertEquals(await setting.run("no_such"), [Status.UNKNOWN_ADMIN_CMD, "no_such"]);
  const alice = await setting.login("alice");
  assertEquals(await run(alice, { cmd: "no_such" }), [Status.UNKNOWN_ADMIN_CMD, "no_such"]);
  assertEquals((await run(alice, {}))[0], Status.ERROR);
});

Deno.test("users are added with a key or a secret, listed and removed", async () => {
  await using setting = await start();
  const { run, keys } = setting;
  const { publicPem } = await generateKeys("ecdsa");
  const bytes = new TextEncoder().encode(publicPem);
  assertEquals(await run("add_user", { cid: "bob", key: bytes }), [0, null]);
  assertEquals(await run("add_user", { cid: "bob", key: bytes }), [60, "[bob] not available"]);
  assertEquals(await run("add_user", { cid: "carol", key: toBase64(bytes) }), [0, null]);
  assertEquals(await run("add_user", { cid: "dave", key: publicPem }), [0, null]);
  assertEquals(await run("add_user", { cid: "eve", secret: "s3cret" }), [0, null]);
  assertEquals(await run("list_users"), [0, [
    { name: "bob", kind: "ecdsa", admin: false, connected: false },
    { name: "carol", kind: "ecdsa", admin: false, connected: false },
    { name: "dave", kind: "ecdsa", admin: false, connected: false },
    { name: "eve", kind: "secret", admin: false, connected: false },
    { name: "root", kind: null, admin: true, connected: true },
  ]]);
  assertEquals(await run("remove_user", { cid: "eve" }), [0, null]);
  assertEquals((await run("remove_user", { cid: "eve" }))[0], 10);
  assertEquals(keys.names(), ["bob", "carol", "dave"]);
});

Deno.test("a user that cannot be is refused with a text, and nothing is stored", async () => {
  await using setting = await start();
  for (
    const fields of [
      {},
      { cid: "bob" },
      { cid: "../bob", secret: "x" },
      { cid: "bob", secret: "" },
      { cid: "bob", secret: "two\nlines" },
      { cid: "bob", secret: "-----BEGIN PUBLIC KEY-----" },
      { cid: "bob", key: "%%%" },
      { cid: "bob", key: new Uint8Array(3) },
      { cid: "bob", key: 7 },
    ]
  ) {
    const [status, text] = await setting.run("add_user", fields);
    assertEquals(status, Status.ERROR);
    assert(typeof text === "string" && text.startsWith("Cannot "), String(text));
  }
  assertEquals(setting.keys.names(), []);
});

Deno.test("who holds a name loses it when that is given to another, or taken away", async () => {
  await using setting = await start();
  const bob = await setting.login("bob");
  await setting.run("add_user", { cid: "bob", secret: "x" });
  assertEquals((await bob.closed).code, 1008);
});

Deno.test("admins and tenants are changed, and listed without PINs; those of the settings stay", async () => {
  await using setting = await start({ tenants: [{ tenant: ".", secret: "0" }] });
  const { run } = setting;
  assertEquals(await run("add_admin", { cid: "boss" }), [0, null]);
  assertEquals(await run("list_admins"), [0, ["boss", "root"]]);
  assertEquals(await run("remove_admin", { cid: "boss" }), [0, null]);
  assertEquals((await run("remove_admin", { cid: "boss" }))[0], 10);
  assertEquals((await run("remove_admin", { cid: "root" }))[0], 10);
  assertEquals(await run("put_tenant", { tenant: "org", pin: "1234" }), [0, null]);
  assertEquals(await run("list_tenants"), [0, [".", "org"]]);
  assertEquals(await run("remove_tenant", { tenant: "org" }), [0, null]);
  assertEquals((await run("remove_tenant", { tenant: "." }))[0], 10);
  for (const tenant of ["", "..", "a/b", "a b", ".org", "org.", 7]) {
    assertEquals((await run("put_tenant", { tenant, pin: "1" }))[0], 10, String(tenant));
  }
  assertEquals((await run("put_tenant", { tenant: "com", pin: "" }))[0], 10);
  assert(!JSON.stringify(setting.audit).includes("1234"));
});

async function rootOf(kept: KeptBroker): Promise<RawSession> {
  const root = kept.raw();
  root.send({ type: "identity", id: nextId++ as MsgId, cid: "root" });
  await root.next();
  return root;
}

Deno.test("what changed is durable before it is answered, and there after a power loss", async () => {
  const kept = await KeptBroker.start({ broker: { admins: ["root"] } });
  const root = await rootOf(kept);
  assertEquals(await run(root, { cmd: "authorize", cid: "bob" }, "plant/*"), [0, null]);
  assertEquals(await run(root, { cmd: "add_admin", cid: "boss" }), [0, null]);
  assertEquals(await run(root, { cmd: "put_tenant", tenant: "org", pin: "1234" }), [0, null]);
  await using again = await kept.crash();
  const other = await rootOf(again);
  assertEquals(await run(other, { cmd: "list_admins" }), [0, ["boss", "root"]]);
  assertEquals(await run(other, { cmd: "list_tenants" }), [0, ["org"]]);
  assertEquals(await run(other, { cmd: "private_topics_config" }), [0, { "plant/*": ["bob"] }]);
});

Deno.test("a change that cannot be stored is answered with 10, and noted so", async () => {
  const audit: AuditEntry[] = [];
  await using kept = await KeptBroker.start({
    broker: { admins: ["root"], audit: (entry) => audit.push(entry) },
  });
  const root = await rootOf(kept);
  kept.state.failing = "the disk is full";
  assertEquals((await run(root, { cmd: "private_topic" }, "t"))[0], Status.ERROR);
  assertEquals(audit.at(-1)?.outcome, "refused");
  kept.state.failing = null;
});

Deno.test("why tells rule, receivers, exposers and table", async () => {
  await using setting = await start({
    tables: [{ name: "sensor", topic: ":site/sensor" }],
    tableOf: (topic) => topic === "turin/sensor" ? "sensor" : null,
  });
  const { run } = setting;
  const bob = await setting.login("bob");
  await runOn(bob, "subscribe", "turin/*", { msg_from: 0 });
  await runOn(bob, "expose", "service");
  assertEquals(await run("why", { cid: "alice", action: "publish", topic: "turin/sensor" }), [0, {
    allowed: true,
    rule: "the topic is public",
    receivers: ["bob"],
    table: "sensor",
  }]);
  assertEquals(await run("why", { cid: "alice", action: "call", topic: "service" }), [0, {
    allowed: true,
    rule: "the topic is public",
    exposers: ["bob"],
  }]);
  await run("private_topic", {}, "turin/sensor");
  const [, refused] = await run("why", { cid: "alice", action: "query", topic: "sensor" });
  assertEquals((refused as { allowed: boolean }).allowed, false);
  assertEquals((await run("why", { cid: "alice", action: "fly", topic: "t" }))[0], 10);
});

async function runOn(
  session: RawSession,
  cmd: string,
  topic: string,
  fields: Record<string, unknown> = {},
): Promise<void> {
  assertEquals((await run(session, { ...fields, cmd }, topic))[0], Status.OK);
}

Deno.test("shutdown is answered before it happens; without a program that can, it is refused", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  await using setting = await start({ control: { shutdown: resolve } });
  assertEquals(await setting.run("shutdown"), [0, null]);
  await promise;
  await using other = await start();
  assertEquals((await other.run("shutdown"))[0], Status.ERROR);
  assertEquals((await other.run("enable_debug"))[0], Status.ERROR);
});

Deno.test("enable_debug and disable_debug switch the log", async () => {
  const seen: boolean[] = [];
  await using setting = await start({ control: { setDebug: (isOn) => seen.push(isOn) } });
  await setting.run("enable_debug");
  await setting.run("disable_debug");
  assertEquals(seen, [true, false]);
});
