// Goal: components of rembus.python register with our broker, prove their names to it and give them up.
// Method: its own helper, its own key files; our keys are in files, too, with their names as in spec 4.3.
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { MemoryKeys } from "../../src/broker/keys.ts";
import { eventually } from "../helpers/eventually.ts";
import { pythonForTests, pythonTest } from "../helpers/python.ts";
import { type OurBrokerOptions, startOurBroker } from "./our_broker.ts";
import { PythonDriver, PythonError } from "./python_peer.ts";
import {
  ENCODINGS,
  type KeysSetting,
  PIN,
  SCHEMES,
  startKeysSetting,
  strangersKey,
} from "./python_keys_setting.ts";

const python = await pythonForTests();

/** Registers a test with a broker in free mode. */
function keysTest(
  name: string,
  run: (setting: KeysSetting, python: string) => Promise<void>,
  options: OurBrokerOptions = {},
): void {
  pythonTest(python, `python client ${name}`, async (python) => {
    await using setting = await startKeysSetting(python, options);
    await run(setting, python);
  });
}

function refused(run: () => Promise<unknown>, text: string): Promise<PythonError> {
  return assertRejects(run, PythonError, text);
}

for (const scheme of SCHEMES) {
  for (const encoding of ENCODINGS) {
    keysTest(
      `registers with ${scheme}, logs in and unregisters, in ${encoding}`,
      async ({ ours, theirs, keys, keysPath, dir }, python) => {
        const url = `${ours.url}/meter`;
        await theirs.register({ url, pin: PIN, scheme, encoding });
        assertEquals(keys.names(), ["meter"]);
        assertEquals((await keys.get("meter"))?.kind, scheme);
        const stored = await Deno.readTextFile(`${keysPath}/meter.${scheme}.pem`);
        assertStringIncludes(stored, "PUBLIC KEY");
        assertStringIncludes(await Deno.readTextFile(`${dir}/meter/.secret`), "PRIVATE KEY");
        // The way in which the key was registered has no say in how it is used.
        for (const encoding of ENCODINGS) {
          await using meter = await theirs.connect({ url, encoding });
          assertEquals(await meter.rpc("rid"), "broker");
          assert(ours.broker.component("meter")?.connected);
          await meter.close();
          await eventually(() => assert(!ours.broker.component("meter")?.connected));
        }
        await using meter = await theirs.connect({ url, encoding });
        await meter.unregister();
        assertEquals(keys.names(), []);
        assertEquals(await meter.rpc("rid"), "broker");
        await meter.close();
        await eventually(() => assert(!ours.broker.component("meter")?.connected));
        // The name is free: for anybody without a key, and to be registered again.
        await using stranger = await PythonDriver.start({ python });
        await using someone = await stranger.connect({ url, encoding });
        assertEquals(await someone.rpc("rid"), "broker");
        await someone.close();
        await eventually(() => assert(!ours.broker.component("meter")?.connected));
        await stranger.register({ url, pin: PIN, scheme, encoding });
        assertEquals(keys.names(), ["meter"]);
      },
    );
  }
}

for (const encoding of ENCODINGS) {
  keysTest(
    `is told why it is not registered, in ${encoding}`,
    async ({ ours, theirs, keys, dir, login }, python) => {
      await using _taken = await login("taken");
      const register = (name: string, pin: string): Promise<void> =>
        theirs.register({ url: `${ours.url}/${name}`, pin, scheme: "ecdsa", encoding });
      await refused(() => register("meter", "11223345"), "wrong tenant/pin");
      await refused(() => register("meter.acme", PIN), "tenant [acme] not enabled");
      assertEquals((await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name), ["taken"]);
      // Its helper says its name first, and so does not get as far as to ask for one that is taken.
      await using stranger = await PythonDriver.start({ python });
      await refused(
        () => stranger.register({ url: `${ours.url}/taken`, pin: PIN, encoding }),
        "login failed",
      );
      await using someone = await stranger.connect({ url: ours.url, encoding });
      await refused(() => someone.registerFrom("taken", PIN), "[taken] not available");
      await refused(() => someone.registerFrom("meter", "wrong"), "wrong tenant/pin");
      await refused(() => someone.unregister(), "invalid operation");
      assertEquals(keys.names(), ["taken"]);
      await someone.registerFrom("meter", PIN, "rsa");
      assertEquals([...keys.names()].sort(), ["meter", "taken"]);
      await using meter = await stranger.connect({ url: `${ours.url}/meter`, encoding });
      assertEquals(await meter.rpc("rid"), "broker");
    },
  );

  keysTest(
    `does not get in with another key, or without one, in ${encoding}`,
    async ({ ours, theirs, dir, login }, python) => {
      for (const scheme of SCHEMES) {
        const name = `meter-${scheme}`;
        const url = `${ours.url}/${name}`;
        await (await login(name, { scheme, encoding })).close();
        const connect = () => theirs.connect({ url, encoding });
        const secret = `${dir}/${name}/.secret`;
        const own = await Deno.readTextFile(secret);
        for (const other of SCHEMES) {
          await Deno.writeTextFile(secret, await strangersKey(other));
          await refused(connect, "login failed");
        }
        await using stranger = await PythonDriver.start({ python });
        await refused(() => stranger.connect({ url, encoding }), "login failed");
        assert(!ours.broker.component(name)?.connected);
        await Deno.writeTextFile(secret, own);
        await using meter = await connect();
        assertEquals(await meter.rpc("rid"), "broker");
      }
    },
  );

  keysTest(
    `does not get in while the key at the broker is empty or damaged, in ${encoding}`,
    async ({ ours, theirs, keysPath, login }) => {
      const url = `${ours.url}/meter`;
      await (await login("meter", { encoding })).close();
      const path = `${keysPath}/meter.ecdsa.pem`;
      const whole = await Deno.readTextFile(path);
      for (const damaged of ["", "no key", whole.slice(0, whole.length / 2)]) {
        await Deno.writeTextFile(path, damaged);
        await refused(() => theirs.connect({ url, encoding }), "login failed");
      }
      await Deno.writeTextFile(path, whole);
      await using meter = await theirs.connect({ url, encoding });
      assertEquals(await meter.rpc("rid"), "broker");
    },
  );
}

keysTest(
  "loses a name that it held without a key to who registers it",
  async ({ ours, theirs, keys }, python) => {
    await using stranger = await PythonDriver.start({ python });
    const url = `${ours.url}/meter`;
    await using squatter = await stranger.connect({ url });
    await using owner = await theirs.connect({ url: ours.url });
    await owner.registerFrom("meter", PIN);
    assertEquals(keys.names(), ["meter"]);
    // It comes back under its name, and is asked for a key that it has not got (0.8.12 gives up then).
    await eventually(async () => assertEquals(await squatter.isOpen(), false));
    await using meter = await theirs.connect({ url });
    assertEquals(await meter.rpc("rid"), "broker");
  },
);

keysTest(
  "keeps its name while it is there, also from who has the same key",
  async ({ ours, theirs, login }) => {
    await using meter = await login("meter");
    await refused(() => theirs.connect({ url: `${ours.url}/meter` }), "login failed");
    assertEquals(await meter.rpc("rid"), "broker");
  },
);

/** Keys that cannot be removed for a while. */
class StuckKeys extends MemoryKeys {
  isStuck = true;

  override remove(name: string): Promise<boolean> {
    return this.isStuck ? Promise.reject(new Error("read-only")) : super.remove(name);
  }
}

pythonTest(
  python,
  "python client is told that it could not be unregistered, and can try again",
  async (python) => {
    const keys = new StuckKeys();
    await using setting = await startKeysSetting(python, { keys });
    await using meter = await setting.login("meter");
    await refused(() => meter.unregister(), 'Cannot unregister "meter"');
    assertEquals([await meter.rpc("rid"), keys.names()], ["broker", ["meter"]]);
    keys.isStuck = false;
    await meter.unregister();
    assertEquals([await meter.rpc("rid"), keys.names()], ["broker", []]);
  },
);

for (const authenticated of [false, true]) {
  pythonTest(
    python,
    `python client comes back by its key when ${
      authenticated ? "an authenticated" : "the"
    } broker restarts`,
    async (python) => {
      const keys = new MemoryKeys();
      await using stack = new AsyncDisposableStack();
      const first = await startKeysSetting(python, { keys });
      stack.use(first);
      const { port } = first.ours;
      await using meter = await first.login("meter");
      await first.ours[Symbol.asyncDispose]();
      await using second = await startOurBroker({ port, keys, authenticated });
      await eventually(() => assert(second.broker.component("meter")?.connected));
      await eventually(async () => assertEquals(await meter.rpc("rid"), "broker"));
    },
  );
}

keysTest(
  "has its tenant, and hears nothing of another",
  async ({ ours, theirs }) => {
    for (const name of ["ann.acme", "bob.acme", "eve.rival", "fay.rival"]) {
      const pin = name.endsWith("acme") ? "a1b2c3d4" : "e5f6a7b8";
      const url = `${ours.url}/${name}`;
      await refused(() => theirs.register({ url, pin: PIN, scheme: "ecdsa" }), "wrong tenant/pin");
      await theirs.register({ url, pin, scheme: "ecdsa" });
    }
    await using ann = await theirs.connect({ url: `${ours.url}/ann.acme` });
    await using bob = await theirs.connect({ url: `${ours.url}/bob.acme`, encoding: "json" });
    await using eve = await theirs.connect({ url: `${ours.url}/eve.rival` });
    for (const node of [bob, eve]) {
      for (const topic of ["weather", "**"]) await node.subscribe(topic);
      await node.reactive();
    }
    await ann.expose("sum", "add");
    assertEquals(await bob.rpc("sum", [1, 2]), 3);
    assertEquals(await bob.direct("ann.acme", "sum", [1, 2]), 3);
    await assertRejects(() => eve.rpc("sum", [1, 2]), PythonError);
    await assertRejects(() => eve.direct("ann.acme", "sum", [1, 2]), PythonError);
    await ann.publish("weather", ["rain"], { qos: 2 });
    assertEquals(await bob.collect("weather", 1), [["rain"]]);
    assertEquals(await bob.collect("**", 1), [["weather", "rain"]]);
    // It comes after what must not have come.
    await using fay = await theirs.connect({ url: `${ours.url}/fay.rival` });
    await fay.publish("end", [], { qos: 1 });
    assertEquals(await eve.collect("**", 1), [["end"]]);
    assertEquals(eve.received("weather"), []);
  },
  {
    tenants: [{ tenant: "acme", secret: "a1b2c3d4" }, { tenant: "rival", secret: "e5f6a7b8" }],
  },
);
