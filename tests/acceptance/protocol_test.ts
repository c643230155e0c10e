import { assertEquals, assertThrows } from "@std/assert";
import { component } from "../../src/client/component.ts";
import type { Link } from "../../src/link/link.ts";
import { memoryPair } from "../../src/link/memory.ts";
import {
  callError,
  ConnectionClosedError,
  ProtocolError,
  statusText,
  TimeoutError,
} from "../../src/protocol/errors.ts";
import { domainOf } from "../../src/protocol/name.ts";
import { decodePacketJson } from "../../src/protocol/packet_json.ts";
import { parseComponentUrl } from "../../src/protocol/url.ts";
import { eventually } from "../helpers/eventually.ts";
import { startHarness } from "../helpers/harness.ts";

const CELL = { transport: "memory", encoding: "cbor" } as const;

Deno.test("3 texts of errors are those of the reference", () => {
  assertEquals(new TimeoutError().message, "request timeout");
  assertEquals(new ConnectionClosedError().message, "connection down");
  assertEquals(callError(40, "svc", "foo").message, "METHOD_EXCEPTION:foo");
  assertEquals(statusText(10, null), "internal error");
});

Deno.test("4, 6 JSON messages of an unknown type are invalid", () => {
  for (
    const text of [
      '{"id":1,"method":"t","params":{"type":999}}',
      '{"id":1,"result":{"type":77}}',
    ]
  ) assertThrows(() => decodePacketJson(text), ProtocolError);
});

Deno.test("5 a JSON request without params is a call without arguments, unlike in the reference", () => {
  const { packet } = decodePacketJson('{"id":1,"method":"t"}');
  assertEquals(packet.type === "rpc" ? packet.data.args : null, []);
});

Deno.test("8 a bare name dials the default URL exactly once", async () => {
  await using h = await startHarness(CELL);
  const dialled: string[] = [];
  await using cli = await component("plain", {
    dial: (url) => {
      dialled.push(url);
      return h.link();
    },
  });
  assertEquals(dialled.map((url) => new URL(url).origin), ["ws://127.0.0.1:8338"]);
  assertEquals(cli.rid, "plain");
});

Deno.test("9 uid has address and name; the handle prints as its name", async () => {
  await using h = await startHarness(CELL);
  const cli = await h.connect("cli");
  assertEquals(cli.uid, "ws://127.0.0.1:8338/cli");
  assertEquals(String(cli), "cli");
});

Deno.test("10 the domain of a name is what follows its first dot", () => {
  assertEquals([domainOf("cmp.net"), domainOf("repl")], ["net", "."]);
  assertEquals(parseComponentUrl("a.b", "ws://127.0.0.1:8338").name, "a.b");
});

Deno.test("16 with startAnyway a component of a dead broker starts, and closes", async () => {
  const cli = await component("early", {
    startAnyway: true,
    dial: () => Promise.reject(new Error("nobody there")),
  });
  assertEquals(cli.isOpen, false);
  await cli.close();
});

Deno.test("20 a component that gets a text that is not JSON closes that link and comes back", async () => {
  await using h = await startHarness(CELL);
  const first = Promise.withResolvers<Link>();
  let dials = 0;
  const cli = await h.connect("cli", {
    dial: async () => {
      if (++dials > 1) return await h.link();
      const [ours, between] = memoryPair();
      relay(between, await h.link());
      first.resolve(between);
      return ours;
    },
  });
  (await first.promise).send("this is no JSON");
  await eventually(() => assertEquals(dials, 2));
  await eventually(async () => assertEquals(await cli.rpc("rid"), "broker"));
});

Deno.test("22 an interceptor that fails loses one message and nothing else", async () => {
  await using h = await startHarness(CELL, {
    interceptors: [{
      name: "failing",
      intercept({ packet }, next) {
        if (packet.type === "publish" && packet.topic === "poison") throw new Error("failed");
        next(packet);
      },
    }],
  });
  const cli = await h.connect("cli");
  await cli.publish("poison");
  assertEquals(await cli.rpc("rid"), "broker");
});

Deno.test("26 a peer whose address resolves to nothing logs in: addresses are never resolved", async () => {
  await using h = await startHarness({ transport: "websocket", encoding: "cbor" });
  assertEquals(await (await h.connect("cli")).rpc("rid"), "broker");
});

/** Passes everything between two links that nobody else starts. */
function relay(one: Link, two: Link): void {
  for (const [from, to] of [[one, two], [two, one]] as const) {
    from.start({
      message: (data) => to.send(data),
      drained: () => {},
      closed: ({ code, reason }) => to.close(code === 1006 ? 1000 : code, reason),
    });
  }
}
