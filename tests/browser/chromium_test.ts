// Goal: `client.ts` runs in a browser as it is. Method: headless Chromium loads the module from a local
// server, connects to a broker in this process, and is looked at from both sides.
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Component } from "../../src/peer/api.ts";
import { collect } from "../helpers/harness.ts";
import { eventually } from "../helpers/eventually.ts";
import { testNeeding } from "../helpers/needs.ts";
import { type OurBroker, startOurBroker } from "../interop/our_broker.ts";
import { chromiumForTests, type ClientPage, openPage } from "./chromium.ts";

const chromium = await chromiumForTests();

/** What the tests keep in the page. */
interface InPage {
  component: Component;
  readonly received: unknown[][];
  readonly events: string[];
  readonly connect: (url: string, options?: Record<string, unknown>) => Promise<void>;
}
declare global {
  /** A member of `globalThis` of the page. */
  var rembus: InPage;
}

/** Registers a test with a broker and a page in which `rembus.connect` makes a component. */
function pageTest(name: string, run: (ours: OurBroker, client: ClientPage) => Promise<void>): void {
  testNeeding(chromium, `component in a browser ${name}`, async (executable) => {
    await using broker = await startOurBroker();
    await using client = await openPage(executable);
    // A text: a function would be compiled together with this file.
    await client.page.evaluate(`(async () => {
      const { component } = await import("/client.ts");
      const received = [], events = [];
      globalThis.rembus = {
        received,
        events,
        async connect(url, options) {
          this.component = await component(url, options);
          (async (stream) => {
            for await (const { type } of stream) events.push(type);
          })(this.component.events());
        },
      };
    })()`);
    await run(broker, client);
    assertEquals(client.complaints, []);
  });
}

for (const encoding of ["cbor", "json"] as const) {
  pageTest(`publishes and subscribes in ${encoding}`, async (ours, { page }) => {
    const deno = await ours.connect("deno");
    const received = await collect(deno, "browser/clicks");
    await page.evaluate(async ([url, encoding]) => {
      await rembus.connect(url, { encoding });
      await rembus.component.subscribe(
        "*/telemetry",
        (...args: unknown[]) => void rembus.received.push(args),
      );
      for (const qos of [0, 1, 2] as const) {
        await rembus.component.with({ qos, slot: 7 }).put("clicks", qos, { x: "ä☀" });
      }
    }, [`${ours.url}/browser`, encoding] as const);
    await eventually(() => assertEquals(received, [0, 1, 2].map((qos) => [qos, { x: "ä☀" }])));
    for (const qos of [0, 1, 2] as const) await deno.with({ qos }).put("telemetry", qos, 0.5);
    await eventually(async () =>
      assertEquals(
        await page.evaluate(() => rembus.received),
        [0, 1, 2].map((qos) => ["deno/telemetry", qos, 0.5]),
      )
    );
  });
}

pageTest("calls and exposes", async (ours, { page }) => {
  const deno = await ours.connect("deno");
  await deno.expose("bytes", (bytes: Uint8Array) => bytes.toReversed());
  const answers = await page.evaluate(async (url) => {
    await rembus.connect(url);
    await rembus.component.expose("where", () => `${location.protocol} ${navigator.userAgent}`);
    await rembus.component.expose("fail", () => {
      throw new Error("boom from the browser");
    });
    const bytes = await rembus.component.rpc("bytes", Uint8Array.of(1, 2));
    const failed = await rembus.component.rpc("nobody").catch((error) => error.name);
    return [await rembus.component.rpc("rid"), Array.from(bytes as Uint8Array), failed];
  }, `${ours.url}/browser`);
  assertEquals(answers, ["broker", [2, 1], "MethodNotFoundError"]);
  assertMatch(String(await deno.rpc("where")), /^http: .*Chrome/);
  assertEquals(await deno.direct("browser", "where"), await deno.rpc("where"));
  const error = await deno.rpc("fail").catch((error: unknown) => String(error));
  assert(String(error).includes("boom from the browser"), String(error));
});

pageTest(
  "comes back with its subscriptions and services when its broker does",
  async (ours, { page }) => {
    await page.evaluate(async (url) => {
      await rembus.connect(url, { reconnectMaxMs: 200 });
      await rembus.component.subscribe("news", (...args: unknown[]) => {
        rembus.received.push(args);
      });
      await rembus.component.expose("here", () => true);
    }, `${ours.url}/browser`);
    await ours[Symbol.asyncDispose]();
    await eventually(async () =>
      assertEquals(await page.evaluate(() => rembus.component.isOpen), false)
    );
    await using again = await startOurBroker({ port: ours.port });
    await eventually(async () =>
      assertEquals(await page.evaluate(() => rembus.events.at(-1)), "connected")
    );
    await again.broker.handle.with({ qos: 1 }).publish("news", "back");
    await eventually(async () =>
      assertEquals(await page.evaluate(() => rembus.received), [["back"]])
    );
    assertEquals(await again.broker.handle.rpc("here"), true);
  },
);

pageTest("is closed with its page, and its calls fail when it closes", async (ours, { page }) => {
  const outcome = await page.evaluate(async (url) => {
    await rembus.connect(url);
    await rembus.component.expose("never", () => new Promise(() => {}));
    const call = rembus.component.rpc("never").catch((error) => error.name);
    await rembus.component.close();
    const late = rembus.component.rpc("rid").catch((error) => error.name);
    return [await call, await late];
  }, `${ours.url}/first`);
  assertEquals(outcome, ["ConnectionClosedError", "ConnectionClosedError"]);
  await page.evaluate((url) => rembus.connect(url), `${ours.url}/second`);
  const isConnected = (): boolean => ours.broker.component("second")?.connected ?? false;
  assert(isConnected());
  await page.close();
  await eventually(() => assert(!isConnected()));
});

pageTest("gets ten thousand messages in order", async (ours, { page, complaints }) => {
  const count = 10_000;
  await page.evaluate(async (url) => {
    await rembus.connect(url);
    await rembus.component.subscribe("bulk", (index: number) => void rembus.received.push([index]));
  }, ours.url);
  const publisher = await ours.connect();
  for (let index = 0; index < count; index++) await publisher.publish("bulk", index);
  await eventually(async () =>
    assertEquals(await page.evaluate(() => rembus.received.length), count)
  );
  assert(await page.evaluate(() => rembus.received.every(([index], at) => index === at)));
  assertEquals(complaints, []);
});
