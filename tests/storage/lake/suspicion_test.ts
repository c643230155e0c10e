import { assertEquals } from "@std/assert";
import { Suspicion } from "../../../src/lake/suspicion.ts";

const death = (trying: number | null = null, hasProgressed = false) => ({
  hasProgressed,
  trying,
  wasKilled: false,
});
const kill = (trying: number) => ({ ...death(trying), wasKilled: true });

Deno.test("Suspicion takes more kills from outside than deaths until it skips a message", () => {
  const suspicion = new Suspicion();
  for (let i = 0; i < 4; i++) suspicion.onDeath(kill(7));
  for (let i = 0; i < 9; i++) suspicion.onDeath(kill(7));
  suspicion.onDeath(death(7));
  assertEquals(suspicion.skip, []);
  suspicion.onDeath(kill(7));
  assertEquals(suspicion.skip, [7]);
});

Deno.test("Suspicion is careful after two deaths without a step forward", () => {
  const suspicion = new Suspicion();
  suspicion.onDeath(death());
  assertEquals(suspicion.careful, null);
  suspicion.onDeath(death());
  assertEquals(suspicion.careful, { size: 500, count: 20_000 });
});

Deno.test("Suspicion is not careful when processes go forward", () => {
  const suspicion = new Suspicion();
  for (let i = 0; i < 9; i++) suspicion.onDeath(death(null, i % 2 === 0));
  assertEquals(suspicion.careful, null);
});

Deno.test("Suspicion closes in on the message that processes die of, and skips it", () => {
  const suspicion = new Suspicion();
  suspicion.onDeath(death());
  suspicion.onDeath(death());
  suspicion.onDeath(death(1_000, true));
  assertEquals(suspicion.careful, { size: 25, count: 500 });
  suspicion.onDeath(death(1_200, true));
  assertEquals(suspicion.careful, { size: 1, count: 25 });
  suspicion.onDeath(death(1_207, true));
  assertEquals([suspicion.careful, suspicion.skip], [{ size: 1, count: 25 }, []]);
  suspicion.onDeath(death(1_207));
  assertEquals(suspicion.skip, []);
  suspicion.onDeath(death(1_207));
  assertEquals([suspicion.careful, suspicion.skip], [null, [1_207]]);
});

Deno.test("Suspicion skips no message that fewer processes died of", () => {
  const suspicion = new Suspicion();
  for (let i = 0; i < 2; i++) suspicion.onDeath(death());
  for (let i = 0; i < 2; i++) suspicion.onDeath(death(0));
  for (let n = 2; n < 18; n++) suspicion.onDeath(death(n >> 1));
  assertEquals(suspicion.skip, []);
});

Deno.test("Suspicion begins anew when a process dies before it tried anything", () => {
  const suspicion = new Suspicion();
  for (let i = 0; i < 2; i++) suspicion.onDeath(death());
  suspicion.onDeath(death(3));
  suspicion.onDeath(death());
  assertEquals(suspicion.careful, { size: 500, count: 20_000 });
});

Deno.test("Suspicion keeps no more than its limit", () => {
  const suspicion = new Suspicion();
  for (let i = 0; i < 1_005; i++) {
    for (let n = 0; n < 2; n++) suspicion.onDeath(death());
    for (let n = 0; n < 5; n++) suspicion.onDeath(death(i));
  }
  assertEquals([suspicion.skip.length, suspicion.skip[0]], [1_000, 5]);
});
