import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { anonymousName } from "../../../src/broker/anonymous_name.ts";
import { checkName } from "../../../src/protocol/name.ts";
import { SeededRandom } from "../../helpers/seeded_random.ts";

Deno.test("anonymousName() makes random UUIDs of version 4, which are good names", () => {
  const random = new SeededRandom(3);
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  for (let n = 0; n < 100; n++) {
    const name = anonymousName(random);
    assertMatch(name, uuid);
    assertEquals(checkName(name), null);
  }
  assertNotEquals(anonymousName(random), anonymousName(random));
});

Deno.test("anonymousName() keeps its form at both ends of the range", () => {
  const of = (bits: bigint): string => anonymousName({ float: () => 0, u64: () => bits });
  assertEquals(of(1n), "00000000-0000-4001-8000-000000000001");
  assertEquals(of(2n ** 64n - 1n), "ffffffff-ffff-4fff-bfff-ffffffffffff");
});
