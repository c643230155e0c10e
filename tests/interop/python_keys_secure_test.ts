// Goal: components of rembus.python do over wss what they do over ws, when they know the authority and only then.
// Method: an authority of this test's own. Its file is told by HTTP_CA_BUNDLE, or is the only one in `ca` (spec 4.5).
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { pythonForTests, pythonTest } from "../helpers/python.ts";
import { startOurBroker } from "./our_broker.ts";
import { PythonDriver, PythonError } from "./python_peer.ts";
import {
  ENCODINGS,
  PIN,
  SCHEMES,
  startAuthority,
  startKeysSetting,
  strangersKey,
} from "./python_keys_setting.ts";

const python = await pythonForTests();

function refused(run: () => Promise<unknown>, text: string): Promise<PythonError> {
  return assertRejects(run, PythonError, text);
}

for (const encoding of ENCODINGS) {
  pythonTest(
    python,
    `python client over wss registers, logs in with each kind of key and unregisters, in ${encoding}`,
    async (python) => {
      await using setting = await startKeysSetting(python, { secure: true });
      const { ours, theirs, keys, dir } = setting;
      assertStringIncludes(ours.url, "wss://");
      for (const scheme of SCHEMES) {
        const url = `${ours.url}/meter`;
        await refused(() => theirs.register({ url, pin: "0", encoding }), "wrong tenant/pin");
        await theirs.register({ url, pin: PIN, scheme, encoding });
        assertEquals((await keys.get("meter"))?.kind, scheme);
        const secret = `${dir}/meter/.secret`;
        const own = await Deno.readTextFile(secret);
        await Deno.writeTextFile(secret, await strangersKey(scheme));
        await refused(() => theirs.connect({ url, encoding }), "login failed");
        await Deno.writeTextFile(secret, own);
        await using meter = await theirs.connect({ url, encoding });
        assertEquals(await meter.rpc("rid"), "broker");
        await using anonymous = await theirs.connect({ url: ours.url, encoding });
        await refused(() => anonymous.registerFrom("meter", PIN), "[meter] not available");
        await meter.unregister();
        assertEquals(keys.names(), []);
      }
    },
  );

  pythonTest(
    python,
    `python client over wss of an authenticated broker rules over private topics, in ${encoding}`,
    async (python) => {
      await using setting = await startKeysSetting(python, {
        secure: true,
        authenticated: true,
        admins: ["boss"],
      });
      const { ours, theirs } = setting;
      await using anonymous = await theirs.connect({ url: ours.url, encoding });
      const names = ["boss", "ann", "bob"] as const;
      for (const name of names) await anonymous.registerFrom(name, PIN);
      await refused(() => anonymous.rpc("rid"), "not authenticated");
      await using boss = await theirs.connect({ url: `${ours.url}/boss`, encoding });
      await using ann = await theirs.connect({ url: `${ours.url}/ann`, encoding });
      await using bob = await theirs.connect({ url: `${ours.url}/bob`, encoding });
      await refused(() => bob.privateTopic("alarm"), "unauthorized");
      await boss.privateTopic("alarm");
      await boss.authorize("ann", "alarm");
      await ann.subscribe("alarm");
      await refused(() => bob.subscribe("alarm"), "");
      await refused(() => bob.rpc("alarm"), "METHOD_NOT_FOUND:alarm");
      await ann.reactive();
      await bob.publish("alarm", ["forged"], { qos: 1 });
      await boss.publicTopic("alarm");
      await bob.publish("alarm", ["public"], { qos: 1 });
      assertEquals(await ann.collect("alarm", 1), [["public"]]);
    },
  );
}

pythonTest(
  python,
  "python client over wss connects with the authority in its directory, and not without one or with another",
  async (python) => {
    await using site = await startAuthority();
    await using foreign = await startAuthority();
    const dir = await Deno.makeTempDir({ prefix: "rembus-python-ca-" });
    try {
      await Deno.mkdir(`${dir}/ca`);
      await Deno.copyFile(site.caPath, `${dir}/ca/plant.crt`);
      await using ours = await startOurBroker({ tls: await site.keystore.open() });
      {
        await using knowing = await PythonDriver.start({ python, dir });
        await using meter = await knowing.connect({ url: `${ours.url}/meter` });
        assertEquals(await meter.rpc("rid"), "broker");
        await using local = await knowing.connect({ url: `wss://localhost:${ours.port}/panel` });
        assertEquals(await local.rpc("rid"), "broker");
        // It speaks no TLS, and nobody answers.
        await refused(() => knowing.connect({ url: `ws://127.0.0.1:${ours.port}/x` }), "");
      }
      await using unknowing = await PythonDriver.start({ python });
      await refused(() => unknowing.connect({ url: `${ours.url}/x` }), "CA bundle not found");
      await using mistaken = await PythonDriver.start({
        python,
        env: { HTTP_CA_BUNDLE: foreign.caPath },
      });
      await refused(() => mistaken.connect({ url: `${ours.url}/x` }), "verify");
      await using missing = await PythonDriver.start({
        python,
        env: { HTTP_CA_BUNDLE: `${dir}/missing.crt` },
      });
      await refused(() => missing.connect({ url: `${ours.url}/x` }), "verify");
      assertEquals(ours.broker.component("x")?.connected ?? false, false);
      // An authority that is trusted, and a certificate of somebody else.
      await using plant = await startAuthority(["plant.example"]);
      await using misled = await PythonDriver.start({
        python,
        env: { HTTP_CA_BUNDLE: plant.caPath },
      });
      await using impostor = await startOurBroker({ tls: await plant.keystore.open() });
      await refused(() => misled.connect({ url: `${impostor.url}/x` }), "verify");
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
);
