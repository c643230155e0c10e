import { assertEquals, assertRejects } from "@std/assert";
import { MemoryKeys } from "../../../src/broker/keys.ts";
import { connect } from "../../../src/client/connect.ts";
import { memoryPair } from "../../../src/link/memory.ts";
import { startBroker } from "../../../src/node/broker.ts";
import { resolveSettings, type Settings } from "../../../src/node/settings.ts";
import type { BrokerNode } from "../../../src/node/broker_node.ts";
import type { Component } from "../../../src/peer/api.ts";
import { RembusError } from "../../../src/protocol/errors.ts";
import { SILENT } from "../../../src/util/log.ts";

async function settings(given: Partial<Settings> = {}): Promise<Settings> {
  const { values } = await resolveSettings({
    host: { os: "linux", env: () => undefined, readText: () => Promise.resolve(null) },
    arguments: { memory: true, admins: ["ada"], ...given },
    daemon: false,
    logger: SILENT,
  });
  return values;
}

/** A component within this process, which needs no key to be an admin. */
function within(node: BrokerNode, name: string): Promise<Component> {
  return connect(`ws://memory:1/${name}`, {
    dial() {
      const [near, far] = memoryPair();
      void node.accept(far, { trusted: true });
      return Promise.resolve(near);
    },
  });
}

Deno.test("startBroker() lets an admin end the broker, after it was answered", async () => {
  await using node = await startBroker(await settings(), { listen: false });
  await using ada = await within(node, "ada");
  const ended = node.wait();
  assertEquals(await ada.admin("shutdown"), null);
  await ended;
  assertEquals(node.isOpen, false);
});

Deno.test("startBroker() passes on that an admin wants to see everything, or not any more", async () => {
  const seen: boolean[] = [];
  await using node = await startBroker(await settings(), {
    listen: false,
    control: { setDebug: (isOn) => void seen.push(isOn) },
  });
  await using ada = await within(node, "ada");
  await ada.admin("enable_debug");
  await ada.admin("disable_debug");
  assertEquals(seen, [true, false]);
  await using bob = await within(node, "bob");
  await assertRejects(() => bob.admin("shutdown"), RembusError, "unauthorized");
});

Deno.test("startBroker() takes tenants and limits from the settings", async () => {
  const given = {
    tenants: [{ tenant: "acme.org", secret: "x" }],
    rateMessages: 5,
  };
  await using node = await startBroker(await settings(given), { listen: false });
  await using ada = await within(node, "ada");
  assertEquals(await ada.admin("list_tenants"), ["acme.org"]);
});

Deno.test("startBroker() refuses code and TLS when no directory is known", async () => {
  const without = { ...await settings({ host: "127.0.0.1", port: 0 }), dir: null };
  await assertRejects(
    () => startBroker({ ...without, code: true }, { listen: false }),
    TypeError,
    "--dir",
  );
  await assertRejects(() => startBroker({ ...without, secure: true }), TypeError, "--keystore");
});

const NETWORKS = [
  { given: {}, wanted: ["authenticated", "secure"] },
  { given: { authenticated: true }, wanted: ["secure"] },
] as const;
for (const { given, wanted } of NETWORKS) {
  Deno.test(`startBroker() warns the network is open without ${wanted.join(" and ")}`, async () => {
    const notes: string[] = [];
    const logger = {
      ...SILENT,
      warn: (event: string, fields?: Readonly<Record<string, unknown>>) => {
        if (event === "open to the network") notes.push(String(fields?.["without"]));
      },
    };
    const values = await settings({ ...given, host: "0.0.0.0", port: 0 });
    await using _node = await startBroker(values, { logger });
    assertEquals(notes.length, 1);
    const words = ["authenticated", "secure"].filter((word) => notes[0]?.includes(`${word}:`));
    assertEquals(words, [...wanted]);
  });
}

Deno.test("startBroker() warns when nobody could ever log in", async () => {
  const events: string[] = [];
  const logger = { ...SILENT, warn: (event: string) => void events.push(event) };
  const start = async (given: Partial<Settings>, keys = new MemoryKeys()): Promise<string[]> => {
    events.length = 0;
    await using _node = await startBroker(await settings(given), { listen: false, logger, keys });
    return [...events];
  };
  assertEquals(await start({ authenticated: true }), ["nobody can log in"]);
  const tenants = [{ tenant: ".", secret: "x" }];
  const key = { kind: "secret", bytes: new Uint8Array([1]) } as const;
  assertEquals(await start({ authenticated: true, tenants }), []);
  assertEquals(await start({ authenticated: true }, new MemoryKeys([["ada", key]])), []);
  assertEquals(await start({}), []);
});
