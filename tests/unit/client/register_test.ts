import { assert, assertEquals, assertRejects } from "@std/assert";
import { register, type RegisterOptions } from "../../../src/client/register.ts";
import type { ClientKeys } from "../../../src/identity/client_keys.ts";
import { memoryKeys } from "../../../src/identity/memory_keys.ts";
import { readSigner } from "../../../src/identity/signer.ts";
import { readVerifier } from "../../../src/identity/verifier.ts";
import { ConnectionClosedError, RembusError } from "../../../src/protocol/errors.ts";
import type { MsgId, Packet, Register } from "../../../src/protocol/packet.ts";
import { eventually } from "../../helpers/eventually.ts";
import { type FakeAnswer, FakeBroker } from "../../helpers/fake_broker.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";

const URL = "ws://broker:8338/alice";
const CHALLENGE = new Uint8Array(32);
const OTHER = new TextEncoder().encode("another key");

function brokerThat(answer: FakeAnswer | ((packet: Register) => FakeAnswer)): FakeBroker {
  const broker = new FakeBroker();
  broker.answer = (packet: Packet) => {
    if (packet.type !== "register") return undefined;
    return typeof answer === "function" ? answer(packet) : answer;
  };
  return broker;
}

/** ECDSA keys are made a hundred times faster. */
function asking(
  broker: FakeBroker,
  options: Partial<RegisterOptions> = {},
): RegisterOptions & { readonly clock: ManualClock } {
  const clock = new ManualClock();
  return { dial: broker.dial, scheme: "ecdsa", keys: memoryKeys(), ...options, clock };
}

function received(broker: FakeBroker): Register {
  const [packet] = broker.last.received;
  if (packet?.type !== "register") throw new Error(`expected a REGISTER, got ${packet?.type}`);
  return packet;
}

/** Whether the key that is kept for alice is the other half of the one that the broker got. */
async function isPair(keys: ClientKeys, { publicKey }: Register): Promise<boolean> {
  const secret = await keys.load("alice");
  if (secret === null) return false;
  const signature = await (await readSigner(secret)).attest(CHALLENGE, "alice");
  return await (await readVerifier(publicKey)).verify(CHALLENGE, "alice", signature);
}

for (const encoding of ["cbor", "json"] as const) {
  for (const scheme of ["rsa", "ecdsa", undefined] as const) {
    Deno.test(`register() gives the public key away and keeps the private one (${encoding}, ${scheme})`, async () => {
      const broker = brokerThat([0, null]);
      const keys = memoryKeys();
      const { dial } = broker;
      await register(URL, "11223344", { dial, keys, encoding, ...(scheme ? { scheme } : {}) });
      const { cid, pin, keyType, publicKey } = received(broker);
      assertEquals([cid, pin, keyType], ["alice", "11223344", scheme === "ecdsa" ? 2 : 1]);
      const text = new TextDecoder().decode(publicKey);
      assert(text.startsWith("-----BEGIN PUBLIC KEY-----"), text);
      assertEquals((await readVerifier(publicKey)).kind, scheme ?? "rsa");
      assert(await isPair(keys, received(broker)));
    });
  }
}

Deno.test("register() says nothing else, and closes the link", async () => {
  const broker = brokerThat([0, null]);
  const options = asking(broker);
  await register("alice", "pin", { ...options, baseUrl: "ws://host:9" });
  await broker.last.closed;
  assertEquals([broker.last.said, broker.dials, options.clock.pending], [["register"], 1, 0]);
});

Deno.test("register() works with a broker that asks everybody for a proof at once", async () => {
  const broker = brokerThat(null);
  const keys = memoryKeys();
  const done = register(URL, "pin", asking(broker, { keys, connectionMode: "authenticated" }));
  await eventually(() => assertEquals(broker.last.said, ["register"]));
  broker.last.respond(0x12345678deadbeefn as MsgId, 11, CHALLENGE);
  broker.last.respond(received(broker).id, 0, null);
  await done;
  assertEquals(broker.last.said, ["register"]);
});

Deno.test("register() rejects with status and text of the broker, and keeps no key", async () => {
  for (
    const [status, text] of [
      [10, "tenant [acme] not enabled"],
      [10, "wrong tenant/pin"],
      [60, "[alice] not available"],
    ] as const
  ) {
    const broker = brokerThat([status, text]);
    const keys = memoryKeys();
    const error = await assertRejects(
      () => register(URL, "pin", asking(broker, { keys })),
      RembusError,
      text,
    );
    assertEquals([error.status, await keys.load("alice")], [status, null]);
  }
});

Deno.test("register() says so when a key that is of no use cannot be removed", async () => {
  const broker = brokerThat([60, "taken"]);
  const keys: ClientKeys = {
    ...memoryKeys(),
    remove: () => Promise.reject(new Error("the disk is gone")),
  };
  const error = await assertRejects(
    () => register(URL, "pin", asking(broker, { keys })),
    RembusError,
    "could not be removed from its key store: the disk is gone",
  );
  assertEquals(error.status, 60);
});

Deno.test("register() asks nobody when there is a key, and says how to go on", async () => {
  const broker = brokerThat([0, null]);
  const memory = memoryKeys();
  await memory.save("alice", OTHER);
  const keys = { ...memory, where: (name: string) => `/etc/${name}/.secret` };
  await assertRejects(
    () => register(URL, "pin", asking(broker, { keys })),
    RembusError,
    'got one in "/etc/alice/.secret"; take its registration back with unregister, or remove',
  );
  assertEquals([broker.dials, await keys.load("alice")], [0, OTHER]);
});

Deno.test("register() asks nobody when somebody put a key there meanwhile", async () => {
  const broker = brokerThat([0, null]);
  const keys = memoryKeys();
  const { dial } = broker;
  const slow = async () => {
    await keys.save("alice", OTHER);
    return await dial();
  };
  await assertRejects(
    () => register(URL, "pin", asking(broker, { keys, dial: slow })),
    RembusError,
    "expected no key for it",
  );
  assertEquals([broker.last.said, await keys.load("alice")], [[], OTHER]);
});

Deno.test("register() keeps its own key whoever else wrote one meanwhile, and removes no other", async () => {
  const lucky = memoryKeys();
  const accepting = brokerThat(() => {
    void lucky.save("alice", OTHER);
    return [0, null];
  });
  await register(URL, "pin", asking(accepting, { keys: lucky }));
  assert(await isPair(lucky, received(accepting)));

  const unlucky = memoryKeys();
  const refusing = brokerThat(() => {
    void unlucky.save("alice", OTHER);
    return [60, "taken"];
  });
  await assertRejects(
    () => register(URL, "pin", asking(refusing, { keys: unlucky })),
    RembusError,
  );
  assertEquals(await unlucky.load("alice"), OTHER);
});

Deno.test("register() keeps the key before it asks, and when it gets no answer says that it stays", async () => {
  for (const end of ["close", "silence", "abort"] as const) {
    const broker = brokerThat(null);
    const keys = memoryKeys();
    const abort = new AbortController();
    const options = asking(broker, { keys, signal: abort.signal });
    const failed = assertRejects(
      () => register(URL, "pin", options),
      RembusError,
      'Cannot tell whether "alice" was registered',
    );
    await eventually(() => assertEquals(broker.last.said, ["register"]));
    assert(await keys.load("alice") !== null);
    if (end === "close") broker.last.close(1011);
    else if (end === "abort") abort.abort();
    else await options.clock.advance(10_000);
    await failed;
    assert(await keys.load("alice") !== null, end);
    await broker.last.closed;
    assertEquals(options.clock.pending, 0);
  }
});

Deno.test("register() asks nobody when the key cannot be kept", async () => {
  const broker = brokerThat([0, null]);
  const keys: ClientKeys = {
    ...memoryKeys(),
    save: () => Promise.reject(new Error("the disk is full")),
  };
  await assertRejects(() => register(URL, "pin", asking(broker, { keys })), Error, "disk is full");
  assertEquals(broker.last.said, []);
});

Deno.test("register() keeps no key when the link is lost before it asked", async () => {
  const broker = brokerThat([0, null]);
  const memory = memoryKeys();
  const keys: ClientKeys = {
    ...memory,
    async save(name, secret) {
      await memory.save(name, secret);
      broker.last.cut();
      await eventually(() => broker.last.closed.then(() => {}));
    },
  };
  await assertRejects(
    () => register(URL, "pin", asking(broker, { keys })),
    ConnectionClosedError,
  );
  assertEquals([broker.last.said, await memory.load("alice")], [[], null]);
});

Deno.test("register() keeps no key when the broker is away", async () => {
  const broker = brokerThat([0, null]);
  broker.isUp = false;
  const keys = memoryKeys();
  await assertRejects(
    () => register(URL, "pin", asking(broker, { keys })),
    ConnectionClosedError,
    "nobody there",
  );
  assertEquals([broker.dials, await keys.load("alice")], [1, null]);
});

Deno.test("register() takes no URL, PIN or option that cannot be honoured", async () => {
  const broker = brokerThat([0, null]);
  const bad: [string, string, Partial<RegisterOptions>, RegExp][] = [
    ["ws://broker:8338", "pin", {}, /expected a URL with a name/],
    ["a..b", "pin", {}, /two dots/],
    [URL, "", {}, /expected a PIN/],
    [URL, "pin", { scheme: "dsa" as "rsa" }, /"scheme" must be rsa or ecdsa, got "dsa"/],
    [URL, "pin", { encoding: "xml" as "json" }, /"encoding"/],
  ];
  for (const [url, pin, options, text] of bad) {
    const error = await assertRejects(
      () => register(url, pin, asking(broker, options)),
      TypeError,
    );
    assert(text.test(error.message), error.message);
  }
  const signal = AbortSignal.abort(new Error("enough"));
  await assertRejects(() => register(URL, "pin", asking(broker, { signal })), Error, "enough");
  assertEquals(broker.dials, 0);
});
