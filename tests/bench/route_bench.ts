// What a publication costs inside of the broker, over memory links: `deno bench tests/bench`.
import { startHarness } from "../helpers/harness.ts";

/** Publications that are measured together, so that the wait for the last one weighs little. */
const BURST = 100;

for (const subscribers of [1, 10, 100, 1_000]) {
  Deno.bench(`publish ${BURST} messages 1:${subscribers} in memory`, {
    group: "route",
    baseline: subscribers === 1,
  }, async (bench) => {
    await using harness = await startHarness({ transport: "memory", encoding: "cbor" });
    const expected = BURST * subscribers;
    let received = 0;
    const all = Promise.withResolvers<void>();
    for (let index = 0; index < subscribers; index++) {
      const node = await harness.connect();
      await node.subscribe("news", () => {
        if (++received === expected) all.resolve();
      });
    }
    const publisher = await harness.connect();
    bench.start();
    for (let index = 0; index < BURST; index++) await publisher.publish("news", index);
    await all.promise;
    bench.end();
  });
}
