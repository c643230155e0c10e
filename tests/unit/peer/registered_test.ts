import { assertEquals } from "@std/assert";
import type { HandlerContext } from "../../../src/peer/api.ts";
import { arityProblem, invoke, toRegistered } from "../../../src/peer/registered.ts";

const CONTEXT: HandlerContext = {
  ctx: undefined,
  topic: "t",
  from: null,
  slot: null,
  qos: 0,
  offset: null,
  recvNs: null,
  node: { rid: "me", publish: () => Promise.resolve(), rpc: () => Promise.resolve(null) },
};

Deno.test("invoke() adds the context only for a handler that asked for it", () => {
  const echo = (...args: readonly unknown[]): readonly unknown[] => args;
  assertEquals(invoke(toRegistered(echo, {}), [1, 2], CONTEXT), [1, 2]);
  assertEquals(invoke(toRegistered(echo, { context: false }), [], CONTEXT), []);
  assertEquals(invoke(toRegistered(echo, { context: true }), [1], CONTEXT), [1, CONTEXT]);
});

Deno.test("arityProblem() wants at least the parameters that a handler names", () => {
  const two = toRegistered((_a: unknown, _b: unknown, _c = 1) => {}, {});
  const rest = toRegistered((..._all: unknown[]) => {}, {});
  assertEquals(arityProblem("t", two, 1), '"t" takes at least 2 arguments, got 1');
  assertEquals([arityProblem("t", two, 2), arityProblem("t", two, 9)], [null, null]);
  assertEquals(arityProblem("t", rest, 0), null);
  assertEquals(
    arityProblem("t", toRegistered((_a: unknown) => {}, {}), 0),
    '"t" takes at least 1 argument, got 0',
  );
});

Deno.test("arityProblem() wants exactly so many in front of a context that has a name", () => {
  const one = toRegistered((_a: unknown, _context: HandlerContext) => {}, { context: true });
  assertEquals(arityProblem("t", one, 0), '"t" takes at least 1 argument, got 0');
  assertEquals(arityProblem("t", one, 1), null);
  assertEquals(arityProblem("t", one, 2), '"t" takes exactly 1 argument, got 2');
  const rest = toRegistered((..._all: unknown[]) => {}, { context: true });
  assertEquals([arityProblem("t", rest, 0), arityProblem("t", rest, 5)], [null, null]);
});
