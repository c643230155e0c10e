// Registration and login of components (spec 4.2, 4.3; rembus-jl 10, 20 and 46 to 66), over WebSockets.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { MemoryKeys, type StoredKey } from "../../src/broker/keys.ts";
import type { BrokerOptions } from "../../src/broker/options.ts";
import { component } from "../../src/client/component.ts";
import { register } from "../../src/client/register.ts";
import { memoryKeys } from "../../src/identity/memory_keys.ts";
import {
  LoginError,
  MethodNotFoundError,
  MethodUnavailableError,
  RembusError,
  Status,
  TargetNotFoundError,
} from "../../src/protocol/errors.ts";
import type { Encoding } from "../../src/protocol/packet.ts";
import { QoS } from "../../src/protocol/packet.ts";
import { eventually } from "../helpers/eventually.ts";
import { collect, type Harness, startHarness } from "../helpers/harness.ts";
import { watchSecret } from "../helpers/watched_logger.ts";

const PIN = "11223344";
const ORG_PIN = "deadbeef";
for (const secret of [PIN, ORG_PIN, "hush-hush"]) watchSecret(secret);
const encoder = new TextEncoder();
const SECRET: StoredKey = { kind: "secret", bytes: encoder.encode("hush-hush") };

interface Setting {
  readonly h: Harness;
  readonly keys: MemoryKeys;
}

function test(
  name: string,
  body: (setting: Setting, encoding: Encoding) => Promise<void>,
  options: BrokerOptions = {},
): void {
  for (const encoding of ["cbor", "json"] as const) {
    Deno.test(`${name} (${encoding})`, async () => {
      const keys = new MemoryKeys();
      const tenants = [{ tenant: ".", secret: PIN }];
      await using h = await startHarness({ transport: "websocket", encoding }, {
        keys,
        tenants,
        ...options,
      });
      await body({ h, keys }, encoding);
    });
  }
}

test("32, 41 register() with the right PIN stores the key", async ({ h, keys }, encoding) => {
  const mine = memoryKeys();
  await register(`${h.url}/meter`, PIN, { keys: mine, encoding });
  assertEquals((await keys.get("meter"))?.kind, "rsa");
  assert(await mine.load("meter") !== null);
});

test(
  "33 register() with a wrong PIN is refused, and keeps nothing",
  async ({ h, keys }, encoding) => {
    const mine = memoryKeys();
    const registering = register(`${h.url}/meter`, "00000000", { keys: mine, encoding });
    const error = await assertRejects(() => registering, RembusError, "wrong tenant/pin");
    assertEquals(error.status, Status.ERROR);
    assertEquals([await mine.load("meter"), keys.names()], [null, []]);
  },
);

test(
  "34, 39 an ECDSA key is registered, logs in, and is given up",
  async ({ h, keys }, encoding) => {
    const mine = memoryKeys();
    await register(`${h.url}/meter`, PIN, { keys: mine, scheme: "ecdsa", encoding });
    const meter = await h.connect("meter", { keys: mine });
    assertEquals(await meter.rpc("rid"), "broker");
    await meter.unregister();
    assertEquals([keys.names(), await mine.load("meter")], [[], null]);
    await meter.close();
    // The name is free again.
    assertEquals((await h.connect("meter")).isOpen, true);
  },
);

test("35 a registered name is not registered again", async ({ h }, encoding) => {
  const mine = memoryKeys();
  await register(`${h.url}/meter`, PIN, { keys: mine, scheme: "ecdsa", encoding });
  const local = register(`${h.url}/meter`, PIN, { keys: mine, encoding });
  await assertRejects(() => local, RembusError, "Cannot register");
  const other = register(`${h.url}/meter`, PIN, { keys: memoryKeys(), encoding });
  const error = await assertRejects(() => other, RembusError);
  assertEquals(error.status, Status.NAME_ALREADY_TAKEN);
});

test("36, 37 a registered component logs in and calls", async ({ h }, encoding) => {
  const mine = memoryKeys();
  await register(`${h.url}/meter`, PIN, { keys: mine, encoding });
  await h.broker.handle.expose("add", (x: number, y: number) => x + y);
  const meter = await h.connect("meter", { keys: mine });
  assertEquals(await meter.rpc("add", 1, 2), 3);
  assertEquals(h.broker.component("meter")?.connected, true);
});

test("38 an empty or corrupt key at the broker lets nobody in", async ({ h, keys }, encoding) => {
  const mine = memoryKeys();
  await register(`${h.url}/meter`, PIN, { keys: mine, scheme: "ecdsa", encoding });
  for (const bytes of [new Uint8Array(), encoder.encode("-----BEGIN PUBLIC KEY-----\nxx\n")]) {
    await keys.remove("meter");
    await keys.put("meter", { kind: "ecdsa", bytes });
    const error = await assertRejects(() => h.connect("meter", { keys: mine }), LoginError);
    assertEquals(error.status, Status.ERROR);
  }
});

test(
  "40 unregister() fails while the key cannot be removed, and succeeds later",
  async ({ h, keys }, encoding) => {
    const mine = memoryKeys();
    await register(`${h.url}/meter`, PIN, { keys: mine, scheme: "ecdsa", encoding });
    const meter = await h.connect("meter", { keys: mine });
    const remove = keys.remove.bind(keys);
    keys.remove = () => Promise.reject(new RembusError(Status.ERROR, "the directory is read-only"));
    await assertRejects(() => meter.unregister(), RembusError, "read-only");
    assert(await mine.load("meter") !== null, "the key is needed still");
    assertEquals(await meter.rpc("rid"), "broker");
    keys.remove = remove;
    await meter.unregister();
    assertEquals(keys.names(), []);
  },
);

test("J54 a login with another key than the stored one is refused", async ({ h, keys }) => {
  const mine = memoryKeys();
  await keys.put("meter", SECRET);
  await mine.save("meter", encoder.encode("other secret"));
  const error = await assertRejects(() => h.connect("meter", { keys: mine }), LoginError);
  assertEquals(error.status, Status.ERROR);
  await assertRejects(() => h.connect("meter"), LoginError, "asks for a key");
});

test("J57 a tenant that is not listed registers nobody", async ({ h }, encoding) => {
  const registering = register(`${h.url}/meter.t3`, PIN, { keys: memoryKeys(), encoding });
  await assertRejects(() => registering, RembusError, "tenant [t3] not enabled");
});

test("J58 only a component that proved its name gives it up", async ({ h }) => {
  const guest = await h.connect("guest");
  await assertRejects(() => guest.unregister(), RembusError, "invalid operation");
});

test("J46 with overwriteConnection a second connection replaces the first", async ({ h }) => {
  const first = await h.connect("twin", { reconnectMinMs: 60_000, reconnectMaxMs: 60_000 });
  const second = await h.connect("twin");
  await eventually(() => assertEquals([first.isOpen, second.isOpen], [false, true]));
}, { overwriteConnection: true });

test("J48, J49 with authenticated, only who proves a name gets in", async ({ h, keys }) => {
  await keys.put("meter", SECRET);
  const mine = memoryKeys();
  await mine.save("meter", encoder.encode("hush-hush"));
  const meter = await h.connect("meter", { keys: mine });
  assertEquals(await meter.rpc("rid"), "broker");
  await assertRejects(() => h.connect("stranger"), LoginError);
  const wrong = memoryKeys();
  await wrong.save("stranger", encoder.encode("guess"));
  await assertRejects(() => h.connect("stranger", { keys: wrong }), LoginError);
  const anonymous = await h.connect();
  await assertRejects(() => anonymous.rpc("rid"), RembusError, "not authenticated");
}, { authenticated: true });

test("J55 a name is registered while the broker wants logins", async ({ h }, encoding) => {
  const mine = memoryKeys();
  await register(`${h.url}/meter`, PIN, { keys: mine, scheme: "ecdsa", encoding });
  assertEquals(await (await h.connect("meter", { keys: mine })).rpc("rid"), "broker");
}, { authenticated: true });

test("J50 a component in mode authenticated waits for the challenge", async ({ h, keys }) => {
  await keys.put("meter", SECRET);
  const mine = memoryKeys();
  await mine.save("meter", encoder.encode("hush-hush"));
  const meter = await h.connect("meter", { keys: mine, connectionMode: "authenticated" });
  assertEquals(await meter.rpc("rid"), "broker");
  await assertRejects(
    () => component(h.url, { connectionMode: "authenticated" }),
    TypeError,
  );
}, { authenticated: true });

/** A component that proved its name with the shared secret. */
async function proved({ h, keys }: Setting, name: string) {
  await keys.put(name, SECRET);
  const mine = memoryKeys();
  await mine.save(name, encoder.encode("hush-hush"));
  return await h.connect(name, { keys: mine });
}

test("J59, J63 what admins ask is for them only, over a socket with a key", async (setting) => {
  const { h } = setting;
  const boss = await proved(setting, "boss");
  const guest = await proved(setting, "guest");
  await boss.authorize("guest", "secret");
  assertEquals(await boss.admin("private_topics_config"), { secret: ["guest"] });
  assertEquals(Object.keys(await boss.admin("broker_config") as object).sort(), [
    "exposers",
    "subscribers",
  ]);
  for (const command of ["load_config", "save_config"]) await boss.admin(command);
  for (
    const command of [
      "private_topics_config",
      "broker_config",
      "load_config",
      "save_config",
      "enable_debug",
      "disable_debug",
      "shutdown",
    ]
  ) {
    await assertRejects(() => guest.admin(command), RembusError, "unauthorized", command);
  }
  assertEquals(await (await h.connect()).rpc("rid"), "broker");
}, { admins: ["boss"] });

test("J64 an admin shuts the broker down", async (setting) => {
  const boss = await proved(setting, "boss");
  await boss.admin("shutdown");
  await eventually(() => assert(isDown));
  isDown = false;
}, { admins: ["boss"], control: { shutdown: () => void (isDown = true) } });
let isDown = false;

test("J53 an unknown admin command is an error", async (setting) => {
  const boss = await proved(setting, "boss");
  const error = await assertRejects(() => boss.admin("no_such"), RembusError);
  assertEquals(error.status, Status.UNKNOWN_ADMIN_CMD);
}, { admins: ["boss"] });

test("J60, J62 who is not listed neither subscribes, exposes nor calls", async ({ h }) => {
  await h.broker.handle.privateTopic("secret");
  const guest = await h.connect("guest");
  await assertRejects(() => guest.subscribe("secret", () => {}), RembusError, "unauthorized");
  await assertRejects(() => guest.expose("secret", () => 1), RembusError, "unauthorized");
  await assertRejects(() => guest.rpc("secret"), MethodNotFoundError);
  // D7: taking back what one does not have is fine, as in rembus.python.
  await guest.unsubscribe("secret");
  await guest.unexpose("secret");
});

const ORGS = { tenants: [{ tenant: ".", secret: PIN }, { tenant: "org", secret: ORG_PIN }] };

test("J37 a publication stays in its tenant, exactly and through spaces", async ({ h }) => {
  const pub = await h.connect("pub.org");
  const inside = await collect(await h.connect("sub.org"), "t");
  const outside = await collect(await h.connect("sub.com"), "t");
  const space = await collect(await h.connect("spy"), "**");
  const info = await collect(await h.connect("watcher"), "component_info");
  await pub.with({ qos: QoS.ONE }).publish("t", 1);
  const last = await h.connect("last");
  await last.with({ qos: QoS.ONE }).publish("end", 2);
  await eventually(() => assertEquals(space, [["end", 2]]));
  await eventually(() => assertEquals(inside, [[1]]));
  assertEquals(outside, []);
  await h.connect("new.org");
  await h.connect("newest");
  await eventually(() => assertEquals(info.at(-1), [{ event: "connection_up", cid: "newest" }]));
  assert(info.every(([event]) => !JSON.stringify(event).includes(".org")));
}, ORGS);

test("J38 a call stays in its tenant, also a direct one; the broker serves all", async ({ h }) => {
  const exposer = await h.connect("exposer.org");
  await exposer.expose("service", () => 42);
  const friend = await h.connect("client.org");
  assertEquals(await friend.rpc("service"), 42);
  assertEquals(await friend.direct("exposer.org", "service"), 42);
  const stranger = await h.connect("client.com");
  await assertRejects(() => stranger.rpc("service"), MethodUnavailableError);
  await assertRejects(() => stranger.direct("exposer.org", "service"), TargetNotFoundError);
  assertEquals(await stranger.rpc("rid"), "broker");
}, ORGS);

test("a service of a component that proved its name is not taken over", async (setting) => {
  const { h } = setting;
  const guest = await h.connect("guest");
  await guest.expose("service", () => "guest");
  const owner = await proved(setting, "owner");
  await owner.expose("service", () => "owner");
  const caller = await h.connect();
  for (let n = 0; n < 3; n++) assertEquals(await caller.rpc("service"), "owner");
  const thief = await proved(setting, "thief");
  for (const other of [thief, guest]) {
    await assertRejects(() => other.expose("service", () => 0), RembusError, "belongs to");
  }
  await thief.expose("shared/one", () => "thief");
  await owner.expose("shared/one", () => "owner");
  assertEquals(await caller.rpc("shared/one"), "thief");
}, { sharedServices: ["shared/*"] });
