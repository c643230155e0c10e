import { assertEquals } from "@std/assert";
import { check, serviceSchema, topicSchema } from "../../../src/peer/edges.ts";
import { type StandardSchema, type } from "../../../src/peer/contract.ts";

const refusing: StandardSchema<number> = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: () => ({ issues: [{ message: "too small" }, { message: "too odd" }] }),
  },
};

Deno.test("check() lets everything pass without a validator", () => {
  assertEquals(check(undefined, 5), { ok: true, value: 5 });
});

Deno.test("check() answers at once, with all problems in one text", () => {
  assertEquals(check(type<number>(), 5), { ok: true, value: 5 });
  assertEquals(check(refusing, 5), { ok: false, problem: "too small; too odd" });
});

Deno.test("check() waits for a validator that takes its time", async () => {
  const later: StandardSchema<number> = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) => Promise.resolve({ value: Number(value) + 1 }),
    },
  };
  assertEquals(await check(later, 5), { ok: true, value: 6 });
});

Deno.test("topicSchema() and serviceSchema() find nothing that an object inherits", () => {
  const contract = { topics: { t: type<[]>() }, services: { s: {} } };
  assertEquals(topicSchema(contract, "t"), contract.topics.t);
  assertEquals(serviceSchema(contract, "s"), contract.services.s);
  for (const name of ["constructor", "__proto__", "toString"]) {
    assertEquals([topicSchema(contract, name), serviceSchema(contract, name)], [
      undefined,
      undefined,
    ]);
  }
  assertEquals([topicSchema({}, "t"), serviceSchema({}, "s")], [undefined, undefined]);
});
