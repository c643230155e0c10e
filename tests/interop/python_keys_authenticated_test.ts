// Goal: a broker that lets nobody in without a proof works with components of rembus.python, and with no stranger.
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { eventually } from "../helpers/eventually.ts";
import { ManualClock } from "../helpers/manual_clock.ts";
import { pythonForTests, pythonTest } from "../helpers/python.ts";
import type { OurBrokerOptions } from "./our_broker.ts";
import { PythonDriver, PythonError, type PythonNode } from "./python_peer.ts";
import {
  ENCODINGS,
  type KeysSetting,
  PIN,
  SCHEMES,
  startKeysSetting,
} from "./python_keys_setting.ts";

const python = await pythonForTests();
const REFUSAL = "not authenticated";

/** Registers a test with a broker that wants to know who everybody is. */
function authenticatedTest(
  name: string,
  run: (setting: KeysSetting, python: string) => Promise<void>,
  options: OurBrokerOptions = {},
): void {
  pythonTest(python, `python client of an authenticated broker ${name}`, async (python) => {
    await using setting = await startKeysSetting(python, { authenticated: true, ...options });
    await run(setting, python);
  });
}

/** The helper of 0.8.12 says its name first, which has no key yet: names are registered without one. */
async function register({ ours, theirs }: KeysSetting, name: string): Promise<string> {
  const anonymous = await theirs.connect({ url: ours.url });
  await anonymous.registerFrom(name, PIN);
  await anonymous.close();
  return `${ours.url}/${name}`;
}

async function assertPowerless(node: PythonNode): Promise<void> {
  for (
    const attempt of [
      () => node.rpc("rid"),
      () => node.rpc("add", [1, 2]),
      () => node.direct("meter", "add", [1, 2]),
      () => node.subscribe("weather"),
      () => node.expose("add", "add"),
      () => node.reactive(),
      () => node.privateTopic("weather"),
      () => node.unregister(),
    ]
  ) {
    const { message } = await assertRejects(attempt, PythonError);
    assertStringIncludes(message, REFUSAL);
  }
  // It takes the refusal for a receipt (D4); there is nothing else that would stop its retries.
  for (const qos of [0, 1, 2] as const) await node.publish("weather", ["forged", qos], { qos });
  // What it sent before was seen when this is answered.
  await assertRejects(() => node.rpc("rid"), PythonError, REFUSAL);
}

for (const encoding of ENCODINGS) {
  authenticatedTest(`registers, logs in and works, in ${encoding}`, async (setting) => {
    const { ours, theirs, keys } = setting;
    for (const scheme of SCHEMES) {
      await using anonymous = await theirs.connect({ url: ours.url, encoding });
      await anonymous.registerFrom(`meter-${scheme}`, PIN, scheme);
      assertEquals((await keys.get(`meter-${scheme}`))?.kind, scheme);
    }
    await using rsa = await theirs.connect({ url: `${ours.url}/meter-rsa`, encoding });
    await using ecdsa = await theirs.connect({ url: `${ours.url}/meter-ecdsa`, encoding });
    await rsa.expose("add", "add");
    assertEquals(await ecdsa.rpc("add", [1, 2]), 3);
    assertEquals(await ecdsa.direct("meter-rsa", "add", [1, 2]), 3);
    await rsa.subscribe("weather");
    await rsa.reactive();
    for (const qos of [0, 1, 2] as const) await ecdsa.publish("weather", [qos], { qos });
    // QoS 1 and 2 may be overtaken by what comes later with QoS 0.
    assertEquals((await rsa.collect("weather", 3)).flat().sort(), [0, 1, 2]);
    await rsa.unregister();
    assertEquals(keys.names(), ["meter-ecdsa"]);
  });

  authenticatedTest(`gets nothing done without a name, in ${encoding}`, async (setting) => {
    const { ours, theirs } = setting;
    const url = await register(setting, "meter");
    await using meter = await theirs.connect({ url, encoding });
    await meter.subscribe("weather");
    await meter.reactive();
    const seen: unknown[] = [];
    await ours.broker.handle.subscribe("weather", (...args: unknown[]) => void seen.push(args));
    await using anonymous = await theirs.connect({ url: ours.url, encoding });
    await assertPowerless(anonymous);
    await meter.publish("weather", ["end"], { qos: 1 });
    await ours.broker.handle.publish("weather", "end");
    assertEquals(await meter.collect("weather", 1), [["end"]]);
    await eventually(() => assertEquals(seen, [["end"], ["end"]]));
    assertEquals(anonymous.messages(), []);
  });

  authenticatedTest(
    `does not get in under a name without its key, in ${encoding}`,
    async (setting, python) => {
      const { ours, theirs, keys } = setting;
      const url = await register(setting, "meter");
      await using stranger = await PythonDriver.start({ python });
      for (const address of [url, `${ours.url}/nobody`]) {
        await assertRejects(
          () => stranger.connect({ url: address, encoding }),
          PythonError,
          "login failed",
        );
      }
      await assertRejects(
        () => stranger.register({ url: `${ours.url}/nobody`, pin: PIN, encoding }),
        PythonError,
        "login failed",
      );
      assertEquals(keys.names(), ["meter"]);
      await using meter = await theirs.connect({ url, encoding });
      assertEquals(await meter.rpc("rid"), "broker");
    },
  );
}

const clock = new ManualClock();
authenticatedTest(
  "takes no notice of the challenge that it did not ask for",
  async ({ ours, theirs }) => {
    await using anonymous = await theirs.connect({ url: ours.url });
    await eventually(() => assertEquals(ours.broker.sessionCount, 1));
    await clock.advance(250);
    await assertRejects(() => anonymous.rpc("rid"), PythonError, REFUSAL);
    await anonymous.registerFrom("meter", PIN);
    await using meter = await theirs.connect({ url: `${ours.url}/meter` });
    assertEquals(await meter.rpc("rid"), "broker");
  },
  { clock },
);
