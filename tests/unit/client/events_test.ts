import { assertEquals } from "@std/assert";
import { EventHub, EVENTS_MAX } from "../../../src/client/events.ts";
import type { ConnectionEvent } from "../../../src/peer/api.ts";

function gap(count: number): ConnectionEvent {
  return { type: "gap", topic: "t", count };
}

Deno.test("listen() gives each loop every event from then on, and ends behind closed", async () => {
  const hub = new EventHub();
  hub.emit(gap(1));
  const one = hub.listen();
  hub.emit(gap(2));
  const other = hub.listen();
  hub.emit({ type: "closed" });
  hub.emit(gap(3));
  const seen = async (events: AsyncIterable<ConnectionEvent>) => {
    const all: ConnectionEvent[] = [];
    for await (const event of events) all.push(event);
    return all;
  };
  assertEquals(await seen(one), [gap(2), { type: "closed" }]);
  assertEquals(await seen(other), [{ type: "closed" }]);
  assertEquals(await seen(hub.listen()), []);
});

Deno.test("emit() keeps the newest 100 events for a slow loop", async () => {
  const hub = new EventHub();
  await using events = hub.listen();
  for (let n = 1; n <= EVENTS_MAX; n++) hub.emit(gap(n));
  hub.emit(gap(EVENTS_MAX + 1));
  assertEquals((await events.next()).value, gap(2));
});

Deno.test("a loop that ends takes no more events", async () => {
  const hub = new EventHub();
  const events = hub.listen();
  const waiting = events.next();
  await events[Symbol.asyncDispose]();
  hub.emit(gap(1));
  assertEquals([(await waiting).done, (await events.next()).done], [true, true]);
});
