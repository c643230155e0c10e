import { assertEquals } from "@std/assert";
import { Exposers } from "../../../src/broker/exposers.ts";
import { SERVICES_KNOWN_MAX } from "../../../src/broker/limits.ts";
import type { Policy } from "../../../src/broker/options.ts";
import type { PendingCall } from "../../../src/broker/conversation.ts";
import type { MsgId } from "../../../src/protocol/packet.ts";
import { FakeConversation } from "./fakes.ts";

function exposer(name: string): { name: string; conversation: FakeConversation | null } {
  return { name, conversation: new FakeConversation(name) };
}

function setUp(policy: Policy, ...names: string[]) {
  const exposers = new Exposers(policy);
  const all = names.map(exposer);
  for (const one of all) exposers.add("svc", one);
  const next = (): string => {
    const found = exposers.choose("svc");
    return found.kind === "found" ? found.exposer.name : found.kind;
  };
  return { exposers, all, next };
}

/** Lets an exposer work on so many calls. */
function load(conversation: FakeConversation | null, calls: number): void {
  conversation?.working.clear();
  for (let n = 0; n < calls; n++) conversation?.working.set(BigInt(n) as MsgId, {} as PendingCall);
}

Deno.test("choose() tells a service that nobody exposed from one that nobody can serve", () => {
  const { exposers, all: [one], next } = setUp("first_up", "one");
  assertEquals(exposers.choose("never").kind, "unknown");
  if (one !== undefined) {
    one.conversation = null;
    assertEquals(next(), "unavailable");
    exposers.remove("svc", one);
  }
  assertEquals(next(), "unavailable");
});

Deno.test("first_up takes the first that can; one that comes back has kept its place", () => {
  const { exposers, all: [one], next } = setUp("first_up", "one", "two");
  assertEquals([next(), next()], ["one", "one"]);
  if (one === undefined) return;
  const { conversation } = one;
  one.conversation = null;
  assertEquals(next(), "two");
  one.conversation = conversation;
  exposers.add("svc", one);
  assertEquals(next(), "one");
});

Deno.test("choose() passes over an exposer that takes no more calls", () => {
  const { all: [one], next } = setUp("first_up", "one", "two");
  if (one?.conversation) one.conversation.takesCalls = false;
  assertEquals(next(), "two");
});

Deno.test("round_robin goes around the list, over gaps and removals", () => {
  const { exposers, all: [, two, three], next } = setUp("round_robin", "one", "two", "three");
  assertEquals([next(), next(), next(), next()], ["one", "two", "three", "one"]);
  if (two === undefined || three === undefined) return;
  two.conversation = null;
  assertEquals([next(), next()], ["three", "one"]);
  exposers.remove("svc", three);
  assertEquals([next(), next()], ["one", "one"]);
});

Deno.test("round_robin gives the one behind a removed exposer its turn", () => {
  const { exposers, all: [one], next } = setUp("round_robin", "one", "two", "three");
  assertEquals(next(), "one");
  if (one !== undefined) exposers.remove("svc", one);
  assertEquals([next(), next(), next()], ["two", "three", "two"]);
});

Deno.test("less_busy takes the one with the fewest calls, the first of equals", () => {
  const { all: [one, two], next } = setUp("less_busy", "one", "two");
  assertEquals(next(), "one");
  load(one?.conversation ?? null, 2);
  load(two?.conversation ?? null, 1);
  assertEquals(next(), "two");
  load(two?.conversation ?? null, 2);
  assertEquals(next(), "one");
});

Deno.test("add() lists an exposer once", () => {
  const { exposers, all: [one] } = setUp("first_up", "one");
  if (one !== undefined) exposers.add("svc", one);
  assertEquals({ ...exposers.list() }, { svc: ["one"] });
});

Deno.test("remove() forgets the service that lost its last exposer first when there are too many", () => {
  const exposers = new Exposers("first_up");
  const one = exposer("one");
  for (let n = 0; n < SERVICES_KNOWN_MAX; n++) {
    exposers.add(`s${n}`, one);
    exposers.remove(`s${n}`, one);
  }
  assertEquals(exposers.choose("s0").kind, "unavailable");
  exposers.add("one more", one);
  assertEquals(exposers.choose("s0").kind, "unavailable");
  exposers.remove("one more", one);
  assertEquals(exposers.choose("s0").kind, "unknown");
  assertEquals(exposers.choose("s1").kind, "unavailable");
});
