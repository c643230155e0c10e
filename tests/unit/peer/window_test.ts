import { assertEquals } from "@std/assert";
import { DeliveryWindow, WINDOW_IDS_MAX, WINDOW_MS } from "../../../src/peer/window.ts";
import type { MsgId } from "../../../src/protocol/packet.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";

const ID = 1n as MsgId;

Deno.test("begin() knows an id while it is handled, and for ten minutes after", async () => {
  const clock = new ManualClock();
  const window = new DeliveryWindow(clock);
  assertEquals([window.begin(ID), window.begin(ID)], ["new", "handling"]);
  window.settle(ID);
  assertEquals(window.begin(ID), "handled");
  await clock.advance(WINDOW_MS - 1);
  assertEquals(window.begin(ID), "handled");
  await clock.advance(1);
  assertEquals(window.begin(ID), "new");
});

Deno.test("release() makes an id new again", () => {
  const window = new DeliveryWindow(new ManualClock());
  window.begin(ID);
  window.release(ID);
  assertEquals(window.size, 0);
  assertEquals(window.begin(ID), "new");
});

Deno.test("settle() remembers 65,536 ids and forgets the oldest for one more", () => {
  const window = new DeliveryWindow(new ManualClock());
  for (let n = 1; n <= WINDOW_IDS_MAX; n++) {
    window.begin(BigInt(n) as MsgId);
    window.settle(BigInt(n) as MsgId);
  }
  assertEquals([window.size, window.begin(ID)], [WINDOW_IDS_MAX, "handled"]);
  const more = BigInt(WINDOW_IDS_MAX + 1) as MsgId;
  window.begin(more);
  window.settle(more);
  assertEquals(window.size, WINDOW_IDS_MAX);
  assertEquals([window.begin(more), window.begin(2n as MsgId)], ["handled", "handled"]);
  assertEquals(window.begin(ID), "new");
});
