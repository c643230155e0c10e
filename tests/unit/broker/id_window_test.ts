import { assertEquals } from "@std/assert";
import { IdWindow } from "../../../src/broker/id_window.ts";
import { WINDOW_IDS_MAX, WINDOW_MS } from "../../../src/broker/limits.ts";
import type { MsgId } from "../../../src/protocol/packet.ts";

const id = (value: number): MsgId => BigInt(value) as MsgId;

Deno.test("has() knows an id for ten minutes, and not a millisecond longer", () => {
  const window = new IdWindow();
  window.add(id(1), 0);
  assertEquals(window.has(id(1), WINDOW_MS - 1), true);
  assertEquals(window.has(id(1), WINDOW_MS), false);
  assertEquals(window.has(id(2), 0), false);
});

Deno.test("add() forgets ids that are too old", () => {
  const window = new IdWindow();
  window.add(id(1), 0);
  window.add(id(2), 5);
  window.add(id(3), WINDOW_MS);
  assertEquals(window.size, 2);
  assertEquals(window.has(id(2), WINDOW_MS), true);
});

Deno.test("add() forgets the oldest id when one more than the limit is remembered", () => {
  const window = new IdWindow();
  for (let n = 1; n <= WINDOW_IDS_MAX; n++) window.add(id(n), 0);
  assertEquals([window.size, window.has(id(1), 0)], [WINDOW_IDS_MAX, true]);
  window.add(id(WINDOW_IDS_MAX + 1), 0);
  assertEquals([window.size, window.has(id(1), 0), window.has(id(2), 0)], [
    WINDOW_IDS_MAX,
    false,
    true,
  ]);
});

Deno.test("addAll() takes over ids for as long as they have left", () => {
  const before = new IdWindow();
  before.add(id(1), 0);
  const after = new IdWindow();
  after.addAll(before, 1_000);
  assertEquals(after.has(id(1), WINDOW_MS - 1), true);
  assertEquals(after.has(id(1), WINDOW_MS), false);
});

Deno.test("clear() forgets everything", () => {
  const window = new IdWindow();
  window.add(id(1), 0);
  window.clear();
  assertEquals([window.size, window.has(id(1), 0)], [0, false]);
});
