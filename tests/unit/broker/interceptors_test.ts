import { assertEquals, assertStrictEquals } from "@std/assert";
import { type Interceptor, InterceptorChain } from "../../../src/broker/interceptors.ts";
import type { Packet } from "../../../src/protocol/packet.ts";
import { settle } from "../../helpers/manual_clock.ts";
import { NotingLogger } from "../../helpers/noting_logger.ts";
import { as, publishPacket } from "./fakes.ts";

const FROM = { name: "alice", anonymous: false };
const FRAME = new Uint8Array([1]);
const PACKET = { ...publishPacket("t"), frame: FRAME };

function run(interceptors: readonly Interceptor[], packet: Packet = PACKET) {
  const log = new NotingLogger();
  const delivered: Packet[] = [];
  const answers: Packet[] = [];
  const chain = new InterceptorChain(interceptors, log);
  chain.run(
    { from: FROM, packet, answer: (one) => void answers.push(one) },
    (one) => delivered.push(one),
  );
  return { log, delivered, answers, chain };
}

Deno.test("run() passes a packet through all interceptors in order", () => {
  const seen: string[] = [];
  const interceptor = (name: string): Interceptor => ({
    name,
    intercept({ packet, from }, next) {
      seen.push(`${name} ${from.name}`);
      next(packet);
    },
  });
  const { delivered } = run([interceptor("one"), interceptor("two")]);
  assertEquals(seen, ["one alice", "two alice"]);
  assertStrictEquals(delivered[0], PACKET);
});

Deno.test("run() delivers a changed packet without the bytes that came", () => {
  const { delivered: [changed] } = run([{
    name: "renames",
    intercept({ packet }, next) {
      next(packet.type === "publish" ? { ...packet, topic: "other" } : packet);
    },
  }]);
  const packet = as(changed, "publish");
  assertEquals([packet.topic, packet.frame], ["other", null]);
});

Deno.test("run() delivers nothing that an interceptor drops or answers", () => {
  const { delivered, answers } = run([{
    name: "answers",
    intercept: ({ packet, answer }) => answer(packet),
  }]);
  assertEquals([delivered.length, answers.length], [0, 1]);
});

Deno.test("run() delivers later what an interceptor passes on later", async () => {
  const gate = Promise.withResolvers<void>();
  const { delivered } = run([{
    name: "delays",
    async intercept({ packet }, next) {
      await gate.promise;
      next(packet);
    },
  }]);
  assertEquals(delivered.length, 0);
  gate.resolve();
  await settle();
  assertEquals(delivered.length, 1);
});

Deno.test("an interceptor that throws, or rejects, loses its message and is reported", async () => {
  for (
    const intercept of [
      () => {
        throw new Error("failed");
      },
      () => Promise.reject(new Error("failed")),
    ]
  ) {
    const { delivered, log } = run([{ name: "failing", intercept }]);
    await settle();
    assertEquals([delivered.length, log.events], [0, ["error interceptor failed"]]);
  }
});

Deno.test("connected() tells all of them, also behind one that fails", () => {
  const told: string[] = [];
  const { chain, log } = run([
    {
      name: "failing",
      intercept() {},
      connected() {
        throw new Error("failed");
      },
    },
    { name: "telling", intercept() {}, connected: ({ name }) => void told.push(name) },
    { name: "silent", intercept() {} },
  ]);
  chain.connected(FROM);
  assertEquals([told, log.events], [["alice"], ["error interceptor failed"]]);
});

Deno.test("add() puts an interceptor next to the broker", () => {
  const chain = new InterceptorChain([], new NotingLogger());
  assertEquals(chain.isEmpty, true);
  chain.add({ name: "one", intercept() {} });
  assertEquals(chain.isEmpty, false);
});
