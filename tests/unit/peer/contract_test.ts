import { assertEquals } from "@std/assert";
import type {
  Contract,
  ServiceArgs,
  ServiceResult,
  TopicArgs,
} from "../../../src/peer/contract.ts";
import { type } from "../../../src/peer/contract.ts";

const contract = {
  topics: { alarm: type<[text: string, level: string]>() },
  services: { add: { args: type<[number, number]>(), result: type<number>() } },
} as const satisfies Contract;

/** Compiles only for two equal types. */
type Same<A, B> = [A] extends [B] ? [B] extends [A] ? true : false : false;

Deno.test("type() accepts every value and only carries a type", () => {
  const schema = type<number>();
  assertEquals(schema["~standard"].validate("anything"), {
    value: "anything" as unknown as number,
  });
});

Deno.test("a contract types what it lists, and nothing else", () => {
  type C = typeof contract;
  const topic: Same<TopicArgs<C, "alarm">, readonly [text: string, level: string]> = true;
  const other: Same<TopicArgs<C, "other">, readonly unknown[]> = true;
  const args: Same<ServiceArgs<C, "add">, readonly [number, number]> = true;
  const result: Same<ServiceResult<C, "add">, number> = true;
  const unknown: Same<ServiceResult<C, "other">, unknown> = true;
  assertEquals([topic, other, args, result, unknown], [true, true, true, true, true]);
});
