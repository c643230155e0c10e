import { assert, assertEquals, assertRejects } from "@std/assert";
import { Broker } from "../../src/broker/broker.ts";
import { MemoryKeys } from "../../src/broker/keys.ts";
import type { BrokerOptions } from "../../src/broker/options.ts";
import { component } from "../../src/client/component.ts";
import type { ComponentOptions } from "../../src/client/options.ts";
import { register } from "../../src/client/register.ts";
import { secretFiles } from "../../src/host/secret_files.ts";
import type { ClientKeys } from "../../src/identity/client_keys.ts";
import { memoryKeys } from "../../src/identity/memory_keys.ts";
import { memoryPair } from "../../src/link/memory.ts";
import type { Link } from "../../src/link/link.ts";
import type { Component } from "../../src/peer/api.ts";
import { ConnectionClosedError, LoginError, RembusError } from "../../src/protocol/errors.ts";
import type { Encoding } from "../../src/protocol/packet.ts";
import { eventually } from "../helpers/eventually.ts";
import { testMatrix } from "../helpers/harness.ts";
import { ManualClock } from "../helpers/manual_clock.ts";

const PIN = "11223344";
const TENANTS = [{ tenant: ".", secret: PIN }, { tenant: "acme", secret: "acme-pin" }] as const;
const SHARED = new TextEncoder().encode("a shared secret\n");

/** A broker in memory that trusts nobody for being in its process. */
interface Site extends AsyncDisposable {
  readonly broker: Broker;
  readonly links: Link[];
  readonly dial: () => Promise<Link>;
  connect(name: string, options?: ComponentOptions): Promise<Component>;
  register(name: string, pin: string, keys: ClientKeys): Promise<void>;
}

function startSite(encoding: Encoding, options: BrokerOptions = {}): Site {
  const broker = new Broker({ drainMs: 200, tenants: TENANTS, ...options });
  const made: Component[] = [];
  const links: Link[] = [];
  const dial = (): Promise<Link> => {
    const [ours, theirs] = memoryPair();
    broker.accept(theirs);
    links.push(ours);
    return Promise.resolve(ours);
  };
  return {
    broker,
    links,
    dial,
    async connect(name, extra = {}): Promise<Component> {
      const node = await component(name, { dial, encoding, reconnectMaxMs: 20, ...extra });
      made.push(node);
      return node;
    },
    register: (name, pin, keys) => register(name, pin, { dial, encoding, keys, scheme: "ecdsa" }),
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.all(made.map((node) => node.close()));
      await broker.close();
    },
  };
}

function test(
  name: string,
  body: (site: Site) => Promise<void>,
  options: () => BrokerOptions = () => ({}),
): void {
  for (const encoding of ["cbor", "json"] as const) {
    Deno.test(`${name} (${encoding})`, async () => {
      await using site = startSite(encoding, options());
      await body(site);
    });
  }
}

async function keysOf(name: string, secret: Uint8Array): Promise<ClientKeys> {
  const keys = memoryKeys();
  await keys.save(name, secret);
  return keys;
}

/** Keys of a broker that share a secret with some. */
function sharing(...names: readonly string[]): MemoryKeys {
  return new MemoryKeys(names.map((name) => [name, { kind: "secret", bytes: SHARED }]));
}

testMatrix("a component registers with a file of its own, and proves its name", async (harness) => {
  const dir = await Deno.makeTempDir({ prefix: "rembus-login-" });
  try {
    const keys = secretFiles(dir);
    await using first = await harness.connect();
    const { url, cell } = harness;
    const dial = harness.cell.transport === "memory" ? { dial: () => harness.link() } : {};
    for (const scheme of ["rsa", "ecdsa"] as const) {
      const name = `site/${scheme}`;
      await register(`${url}/${name}`, PIN, { keys, scheme, encoding: cell.encoding, ...dial });
      const node = await harness.connect(name, { keys });
      assertEquals(await first.direct(name, "rid"), name);
      await assertRejects(() => harness.connect(name), LoginError, '"keys" is not set');
      await node.unregister();
      assertEquals(await keys.load(name), null);
    }
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}, { tenants: TENANTS });

test("a registered name is only for who has its key, and who held it without is dropped", async (site) => {
  const squatter = await site.connect("alice");
  const events = squatter.events();
  const keys = memoryKeys();
  await site.register("alice", PIN, keys);
  const { value } = await events.next();
  assertEquals([value?.type, value?.type === "disconnected" && value.code], ["disconnected", 1008]);
  const alice = await site.connect("alice", { keys });
  assert(alice.isOpen);
  const { value: retried } = await events.next();
  assert(retried?.type === "retrying");
  const missing = await assertRejects(
    () => site.connect("alice", { keys: memoryKeys() }),
    LoginError,
    "rembus register",
  );
  const other = memoryKeys();
  await site.register("bob", PIN, other);
  const bobs = await other.load("bob");
  const wrong = await assertRejects(
    async () => site.connect("alice", { keys: await keysOf("alice", bobs ?? SHARED) }),
    LoginError,
  );
  assertEquals([missing.status, wrong.status], [11, 10]);
  assert(alice.isOpen);
});

test("a component proves its name again when its link was lost", async (site) => {
  const keys = await keysOf("alice", SHARED);
  const alice = await site.connect("alice", { keys });
  const events = alice.events();
  site.links.at(-1)?.terminate();
  const types: string[] = [];
  while (!types.includes("connected")) types.push((await events.next()).value?.type ?? "none");
  assertEquals(types, ["disconnected", "retrying", "connected"]);
  assertEquals(await site.broker.handle.direct("alice", "rid"), "alice");
}, () => ({ keys: sharing("alice") }));

test("a component goes on trying while its key is gone, and is back with it", async (site) => {
  const keys = await keysOf("alice", SHARED);
  const alice = await site.connect("alice", { keys });
  const events = alice.events();
  await keys.remove("alice");
  site.links.at(-1)?.terminate();
  let errors = 0;
  for await (const event of events) {
    if (event.type === "connected") break;
    if (event.type !== "retrying" || !(event.error instanceof LoginError)) continue;
    if (++errors === 2) await keys.save("alice", SHARED);
  }
  assert(errors >= 2);
}, () => ({ keys: sharing("alice") }));

test("register() is refused for a wrong PIN, an unknown tenant and a name that is taken", async (site) => {
  await site.register("alice", PIN, memoryKeys());
  await site.register("eve.acme", "acme-pin", memoryKeys());
  for (
    const [name, pin, status, text] of [
      ["bob", "acme-pin", 10, "wrong tenant/pin"],
      ["bob.acme", PIN, 10, "wrong tenant/pin"],
      ["bob.other", PIN, 10, "tenant [other] not enabled"],
      ["alice", PIN, 60, "[alice] not available"],
    ] as const
  ) {
    const keys = memoryKeys();
    const error = await assertRejects(() => site.register(name, pin, keys), RembusError, text);
    assertEquals([error.status, await keys.load(name)], [status, null]);
  }
});

test("unregister() frees the name, and only its owner may", async (site) => {
  const keys = memoryKeys();
  await site.register("alice", PIN, keys);
  const alice = await site.connect("alice", { keys });
  const bob = await site.connect("bob", { keys: await keysOf("bob", SHARED) });
  const error = await assertRejects(() => bob.unregister(), RembusError, "invalid operation");
  assertEquals(error.status, 10);
  await alice.unregister();
  assertEquals(await keys.load("alice"), null);
  await alice.close();
  const again = await site.connect("alice");
  assert(again.isOpen);
  await again.close();
  await site.register("alice", PIN, keys);
});

test(
  "a broker that lets nobody in without a proof lets in who has one, in both modes",
  async (site) => {
    const keys = await keysOf("alice", SHARED);
    for (const connectionMode of ["default", "authenticated"] as const) {
      const alice = await site.connect("alice", { keys, connectionMode });
      assertEquals(await alice.direct("alice", "rid"), "alice");
      await alice.close();
    }
    const bobs = memoryKeys();
    await site.register("bob", PIN, bobs);
    const bob = await site.connect("bob", { keys: bobs, connectionMode: "authenticated" });
    assertEquals(await bob.rpc("rid"), site.broker.handle.rid);
  },
  () => ({ authenticated: true, keys: sharing("alice") }),
);

test("a broker that lets nobody in without a proof refuses all others", async (site) => {
  for (const connectionMode of ["default", "authenticated"] as const) {
    const unknown = await keysOf("eve", SHARED);
    const refused = await assertRejects(
      () => site.connect("eve", { keys: unknown, connectionMode }),
      LoginError,
    );
    const missing = await assertRejects(
      () => site.connect("alice", { keys: memoryKeys(), connectionMode }),
      LoginError,
    );
    assertEquals([refused.status, missing.status], [10, 11]);
  }
  const nobody = await site.connect("");
  const error = await assertRejects(() => nobody.rpc("rid"), RembusError);
  assertEquals(error.status, 10);
}, () => ({ authenticated: true, keys: sharing("alice") }));

for (const encoding of ["cbor", "json"] as const) {
  Deno.test(`a name that crosses with the challenge of the broker gets in (${encoding})`, async () => {
    const clock = new ManualClock();
    await using site = startSite(encoding, { authenticated: true, keys: sharing("alice"), clock });
    const late = async (): Promise<Link> => {
      const link = await site.dial();
      // The challenge is on its way before the component has said anything.
      await clock.advance(300);
      return link;
    };
    const keys = await keysOf("alice", SHARED);
    const alice = await site.connect("alice", { keys, dial: late });
    assertEquals(await alice.direct("alice", "rid"), "alice");
  });
}

test("admin() is for admins who proved their names", async (site) => {
  const keys = await keysOf("root", SHARED);
  const root = await site.connect("root", { keys });
  const bob = await site.connect("bob");
  assertEquals(await root.admin("list_admins"), ["root"]);
  await root.admin("authorize", "secret/topic", { cid: "bob" });
  assertEquals(await root.admin("private_topics_config"), { "secret/topic": ["bob"] });
  await root.admin("add_user", undefined, { cid: "eve", secret: "another secret" });
  const taken = await assertRejects(
    () => root.admin("add_user", undefined, { cid: "eve", secret: "one more" }),
    RembusError,
  );
  const refused = await assertRejects(
    () => bob.admin("list_admins"),
    RembusError,
    'Cannot run "list_admins": unauthorized',
  );
  assertEquals([taken.status, refused.status], [60, 10]);
  const eve = await site.connect("eve", {
    keys: await keysOf("eve", new TextEncoder().encode("another secret")),
  });
  await root.admin("remove_user", undefined, { cid: "eve" });
  await eventually(() => assertEquals(eve.isOpen, false));
}, () => ({ admins: ["root"], keys: sharing("root") }));

test("a closed broker leaves a login nothing to wait for", async (site) => {
  const keys: ClientKeys = { ...memoryKeys(), load: () => new Promise(() => {}) };
  const failed = assertRejects(() => site.connect("alice", { keys }), ConnectionClosedError);
  await eventually(() => assert(site.links.length > 0));
  await site.broker.close();
  await failed;
}, () => ({ keys: sharing("alice") }));
