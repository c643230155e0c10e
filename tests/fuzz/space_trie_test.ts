// Goal: the trie finds exactly what the rules say, and keeps nothing of what was removed.
// Method: random patterns and topics of few letters, so that they often meet, against a naive model.
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { SpaceTrie } from "../../src/protocol/space_trie.ts";
import { countFromEnv } from "../helpers/mutate.ts";
import { matchesSpace } from "../helpers/naive_space.ts";

const CASES = countFromEnv("REMBUS_FUZZ_CASES", 1_000);
const SEED = countFromEnv("REMBUS_FUZZ_SEED", 1);

const pattern = fc.string({ unit: fc.constantFrom("a", "b", "/", "@", "*", "**"), maxLength: 12 });
const topic = fc.string({ unit: fc.constantFrom("a", "b", "a", "b", "/", "@"), maxLength: 12 });

Deno.test("match() of one pattern agrees with the naive model", () => {
  fc.assert(
    fc.property(pattern, topic, (pattern, topic) => {
      const trie = new SpaceTrie<number>();
      trie.add(pattern, 1);
      assertEquals(trie.match(topic).length === 1, matchesSpace(pattern, topic));
    }),
    { numRuns: CASES * 10, seed: SEED },
  );
});

Deno.test("match() of many patterns agrees with the naive model, in order and without doubles", () => {
  fc.assert(
    fc.property(fc.uniqueArray(pattern, { maxLength: 40 }), topic, (patterns, topic) => {
      const trie = new SpaceTrie<string>();
      for (const one of patterns) trie.add(one, one);
      assertEquals(
        trie.match(topic).flatMap(({ values }) => [...values]),
        patterns.filter((one) => matchesSpace(one, topic)),
      );
    }),
    { numRuns: CASES, seed: SEED },
  );
});

/** One change: a value comes under a pattern, or goes. */
const change = fc.record({ adds: fc.boolean(), pattern, value: fc.nat({ max: 2 }) });

/** The same as the trie, as simple as can be: pattern -> values, in the order of adding. */
class Model {
  readonly #values = new Map<string, Set<number>>();

  add(pattern: string, value: number): void {
    const values = this.#values.get(pattern) ?? new Set();
    this.#values.set(pattern, values.add(value));
  }

  remove(pattern: string, value: number): void {
    const values = this.#values.get(pattern);
    values?.delete(value);
    if (values?.size === 0) this.#values.delete(pattern);
  }

  entries(): (readonly [string, readonly number[]])[] {
    return [...this.#values].map(([pattern, values]) => [pattern, [...values]]);
  }
}

Deno.test("add() and remove() in any order leave the trie as if only the rest had been added", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 80 }), fc.array(topic), (changes, topics) => {
      const trie = new SpaceTrie<number>();
      const model = new Model();
      for (const { adds, pattern, value } of changes) {
        for (const one of [trie, model]) {
          if (adds) one.add(pattern, value);
          else one.remove(pattern, value);
        }
      }
      const fresh = new SpaceTrie<number>();
      for (const [pattern, values] of model.entries()) {
        for (const value of values) fresh.add(pattern, value);
      }
      assertEquals(trie.nodes, fresh.nodes);
      for (const topic of topics) {
        assertEquals(
          trie.match(topic).map(({ pattern, values }) => [pattern, [...values]]),
          model.entries().filter(([pattern]) => matchesSpace(pattern, topic)),
        );
      }
    }),
    { numRuns: CASES, seed: SEED },
  );
});
