import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { deliveryId, subscriptionKey } from "../../../src/broker/subscription.ts";
import { publicationOf } from "./fakes.ts";

const KEY = { key: subscriptionKey("a/*") };

Deno.test("deliveryId() is the same for one message and one topic, whoever subscribed", () => {
  const publication = publicationOf({ offset: 77 });
  assertEquals(
    deliveryId(publication, KEY),
    deliveryId(publicationOf({ offset: 77 }), { key: subscriptionKey("a/*") }),
  );
  assertNotEquals(deliveryId(publication, KEY), deliveryId(publicationOf({ offset: 78 }), KEY));
  assertNotEquals(
    deliveryId(publication, KEY),
    deliveryId(publication, { key: subscriptionKey("a/b") }),
  );
});

Deno.test("deliveryId() never repeats, is never 0, and stays below 2^53 without a slot", () => {
  const seen = new Set<bigint>();
  for (let offset = 0; offset < 10_000; offset++) {
    const id = deliveryId(publicationOf({ offset }), KEY);
    assert(id > 0n && id < 2n ** 53n);
    seen.add(id);
  }
  assertEquals(seen.size, 10_000);
});

Deno.test("deliveryId() has the slot in its low half, and never repeats for one slot", () => {
  const seen = new Set<bigint>();
  for (let offset = 0; offset < 10_000; offset++) {
    const id = deliveryId(publicationOf({ offset, slot: 1234 }), KEY);
    assertEquals(id & 0xffffffffn, 1234n);
    seen.add(id);
  }
  assertEquals(seen.size, 10_000);
});

Deno.test("deliveryId() is not 0 in slot 0, whatever the other half would be", () => {
  // offset 0 and a key of 0 make the high half 0.
  assert(deliveryId(publicationOf({ offset: 0, slot: 0 }), { key: 0n }) !== 0n);
  assert(deliveryId(publicationOf({ offset: 0 }), { key: 0n }) !== 0n);
});
