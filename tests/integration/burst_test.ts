// Goal: a burst of small messages at QoS 0 is not taken for a slow handler: nothing is dropped while handlers
// end at once. Method: far more messages than any limit of running handlers, published without a pause.
import { assertEquals } from "@std/assert";
import { eventually } from "../helpers/eventually.ts";
import { testMatrix } from "../helpers/harness.ts";

const MESSAGES = 10_000;

testMatrix("a burst from a component reaches a handler of the broker whole", async (h) => {
  let got = 0;
  await h.broker.handle.subscribe("burst", () => void got++);
  const pub = await h.connect("pub");
  for (let n = 0; n < MESSAGES; n++) void pub.publish("burst", n);
  await eventually(() => assertEquals([got, h.broker.counters.dropped], [MESSAGES, 0]));
});

testMatrix("a burst reaches the handler of a component whole", async (h) => {
  let got = 0;
  const sub = await h.connect("sub");
  await sub.subscribe("burst", () => void got++);
  const pub = await h.connect("pub");
  for (let n = 0; n < MESSAGES; n++) void pub.publish("burst", n);
  await eventually(() => assertEquals([got, h.broker.counters.dropped], [MESSAGES, 0]));
});
