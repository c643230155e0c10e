// Goal: our component has its rights and bounds at a broker of rembus.python, as an admin and as everybody else.
// Method: the rows with the PIN and the admin are in the tables of that broker before it starts, once over ws and
// once over wss with an authority of this test's own. That its registration is refused for the right reasons over ws
// is in python_broker_login_test.ts.
import { assertEquals, assertRejects } from "@std/assert";
import { component } from "../../src/client/component.ts";
import type { ComponentOptions } from "../../src/client/options.ts";
import { register } from "../../src/client/register.ts";
import type { ClientKeys } from "../../src/identity/client_keys.ts";
import { generateKeys } from "../../src/identity/generate.ts";
import { memoryKeys } from "../../src/identity/memory_keys.ts";
import { denoDial } from "../../src/node/dial.ts";
import type { Component } from "../../src/peer/api.ts";
import { LoginError, MethodNotFoundError, RembusError } from "../../src/protocol/errors.ts";
import { SILENT } from "../../src/util/log.ts";
import { eventually } from "../helpers/eventually.ts";
import { collect } from "../helpers/harness.ts";
import { pythonForTests, pythonTest } from "../helpers/python.ts";
import { type PythonBroker, startPythonBroker } from "./python_peer.ts";
import { ENCODINGS, PIN, SCHEMES, startAuthority } from "./python_keys_setting.ts";

const python = await pythonForTests();

interface Site {
  readonly theirs: PythonBroker;
  readonly keys: ClientKeys;
  readonly dial: NonNullable<ComponentOptions["dial"]>;
  /** A component under a name, with the keys of the test. */
  connect(name: string, options?: ComponentOptions): Promise<Component>;
  /** The same under a name that was in use a moment ago: that broker may still think it is. */
  connectAgain(name: string, options?: ComponentOptions): Promise<Component>;
}

/** Registers a test with a broker of rembus.python that has a tenant and the admin "boss", over ws and wss. */
function siteTest(name: string, run: (site: Site) => Promise<void>): void {
  for (const scheme of ["ws", "wss"] as const) {
    pythonTest(python, `python broker over ${scheme} ${name}`, async (python) => {
      await using authority = await startAuthority();
      await using theirs = await startPythonBroker({
        python,
        tenants: { ".": PIN, acme: "a1b2c3d4" },
        admins: ["boss"],
        ...(scheme === "wss" ? { keystore: authority.keystore.directory } : {}),
      });
      const keys = memoryKeys();
      const caCerts = () => Promise.resolve([authority.certificate]);
      const dial = denoDial(SILENT, { caCerts });
      const connect = (name: string, options: ComponentOptions = {}): Promise<Component> =>
        component(`${theirs.url}/${name}`, { keys, dial, ...options });
      const connectAgain = async (name: string, options?: ComponentOptions): Promise<Component> => {
        const made: Component[] = [];
        await eventually(async () => void made.push(await connect(name, options)));
        const [node] = made;
        if (node === undefined) throw new Error("Cannot connect again: expected a component");
        return node;
      };
      await run({ theirs, keys, dial, connect, connectAgain });
    });
  }
}

siteTest("registers our component, lets it in by its key and forgets it", async (site) => {
  const { theirs, keys, dial, connect, connectAgain } = site;
  for (const encoding of ENCODINGS) {
    for (const scheme of SCHEMES) {
      const name = `${scheme}-${encoding}`;
      const url = `${theirs.url}/${name}`;
      const options = { dial, scheme, encoding };
      const wrong = await assertRejects(
        () => register(url, "00000000", { keys, ...options }),
        RembusError,
        "wrong tenant/pin",
      );
      assertEquals([wrong.status, await keys.load(name)], [10, null]);
      await register(url, PIN, { keys, ...options });
      const strangers = memoryKeys();
      const taken = await assertRejects(
        () => register(url, PIN, { keys: strangers, ...options }),
        RembusError,
        "not available",
      );
      assertEquals([taken.status, await strangers.load(name)], [60, null]);
      const { privatePem } = await generateKeys(scheme);
      await strangers.save(name, new TextEncoder().encode(privatePem));
      const refused = await assertRejects(
        () => connect(name, { encoding, keys: strangers }),
        LoginError,
      );
      assertEquals(refused.status, 10);
      // The way in which the key was registered has no say in how it is used.
      for (const encoding of ENCODINGS) {
        await using node = await connectAgain(name, { encoding });
        assertEquals(await node.rpc("add", 1, 2), 3);
      }
      await using node = await connectAgain(name, { encoding });
      await node.unregister();
      assertEquals(await keys.load(name), null);
      await register(url, PIN, { keys, ...options });
    }
  }
});

siteTest("registers our component with the PIN of its tenant alone", async (site) => {
  const { theirs, keys, dial, connect } = site;
  const url = `${theirs.url}/meter.acme`;
  const options = { keys, dial, scheme: "ecdsa" } as const;
  await assertRejects(() => register(url, PIN, options), RembusError, "wrong tenant/pin");
  await register(url, "a1b2c3d4", options);
  await using meter = await connect("meter.acme");
  assertEquals(await meter.rpc("add", 1, 2), 3);
});

for (const encoding of ENCODINGS) {
  siteTest(
    `takes private topics from our component when it is an admin, in ${encoding}`,
    async (site) => {
      const { theirs, keys, dial, connect } = site;
      await register(`${theirs.url}/boss`, PIN, { keys, dial, scheme: "ecdsa", encoding });
      await using boss = await connect("boss", { encoding });
      await using ann = await connect("ann", { encoding });
      await using bob = await connect("bob", { encoding });
      for (
        const attempt of [
          () => bob.privateTopic("add"),
          () => bob.publicTopic("add"),
          () => bob.authorize("bob", "add"),
          () => bob.unauthorize("ann", "add"),
        ]
      ) {
        const { status } = await assertRejects(attempt, RembusError);
        assertEquals(status, 10);
      }
      await boss.privateTopic("add");
      await assertRejects(() => ann.rpc("add", 1, 2), MethodNotFoundError);
      await boss.authorize("ann", "add");
      assertEquals(await ann.rpc("add", 1, 2), 3);
      await assertRejects(() => bob.rpc("add", 1, 2), MethodNotFoundError);
      await boss.unauthorize("ann", "add");
      await assertRejects(() => ann.rpc("add", 1, 2), MethodNotFoundError);
      await boss.publicTopic("add");
      assertEquals(await bob.rpc("add", 1, 2), 3);
    },
  );

  siteTest(
    `moves what is private between our components that it may, in ${encoding}`,
    async (site) => {
      const { theirs, keys, dial, connect } = site;
      await register(`${theirs.url}/boss`, PIN, { keys, dial, scheme: "ecdsa", encoding });
      await using boss = await connect("boss", { encoding });
      await using ann = await connect("ann", { encoding });
      await using bob = await connect("bob", { encoding });
      await using reader = await connect("reader", { encoding });
      const received = await collect(reader, "alarm");
      const others = await collect(bob, "alarm");
      const ends = await collect(bob, "end");
      await boss.privateTopic("alarm");
      for (const name of ["ann", "reader"]) await boss.authorize(name, "alarm");
      await ann.publish("alarm", "real");
      await eventually(() => assertEquals(received, [["real"]]));
      // It does not tell a publisher (spec 12.4 #64): with QoS 1 it would be tried again for 22 s.
      await bob.publish("alarm", "forged");
      // What it said before was dealt with when this is answered.
      await bob.rpc("add", 1, 2);
      await boss.publicTopic("alarm");
      await bob.with({ qos: 1 }).publish("alarm", "public");
      await ann.with({ qos: 1 }).publish("alarm", "to all");
      await ann.with({ qos: 1 }).publish("end");
      await eventually(() => assertEquals(ends, [[]]));
      await eventually(() => assertEquals(received, [["real"], ["public"], ["to all"]]));
      assertEquals(others, [["to all"]]);
    },
  );
}
