import { assertEquals } from "@std/assert";
import type { PoolPolicy } from "../../../src/client/options.ts";
import { Pool } from "../../../src/client/pool.ts";

interface Member {
  readonly name: string;
  isOpen: boolean;
  load: number;
  lostAt: number;
}

function member(name: string): Member {
  return { name, isOpen: true, load: 0, lostAt: -Infinity };
}

function poolOf(policy: PoolPolicy) {
  const [a, b, c] = [member("a"), member("b"), member("c")] as const;
  const pool = new Pool<Member>([a, b, c], policy);
  const chosen = (count: number): (string | undefined)[] =>
    Array.from({ length: count }, () => pool.choose()?.name);
  return { a, b, c, pool, chosen };
}

Deno.test("choose() by first_up takes the first that is open", () => {
  const { a, chosen } = poolOf("first_up");
  assertEquals(chosen(2), ["a", "a"]);
  a.isOpen = false;
  assertEquals(chosen(2), ["b", "b"]);
  a.isOpen = true;
  assertEquals(chosen(1), ["a"]);
});

Deno.test("choose() by round_robin takes one after the other, without those that are away", () => {
  const { b, chosen } = poolOf("round_robin");
  assertEquals(chosen(4), ["a", "b", "c", "a"]);
  b.isOpen = false;
  assertEquals(chosen(3), ["c", "a", "c"]);
  b.isOpen = true;
  assertEquals(chosen(3), ["a", "b", "c"]);
});

Deno.test("choose() by less_busy takes the one with the least to do, the first of equals", () => {
  const { a, b, chosen } = poolOf("less_busy");
  assertEquals(chosen(1), ["a"]);
  a.load = 1;
  assertEquals(chosen(1), ["b"]);
  b.load = 2;
  assertEquals(chosen(1), ["c"]);
});

for (const policy of ["first_up", "round_robin", "less_busy"] as const) {
  Deno.test(`choose() by ${policy} takes none when none is open; chooseAny() the one lost last`, () => {
    const { a, b, c, pool, chosen } = poolOf(policy);
    assertEquals(pool.isOpen, true);
    for (const one of [a, b, c]) one.isOpen = false;
    assertEquals([pool.isOpen, chosen(1)], [false, [undefined]]);
    assertEquals(pool.chooseAny().name, "a");
    a.lostAt = 5;
    b.lostAt = 7;
    assertEquals(pool.chooseAny().name, "b");
    c.isOpen = true;
    assertEquals(pool.chooseAny().name, "c");
  });
}
