import { assert, assertEquals } from "@std/assert";
import { Slowdown } from "../../../src/broker/slowdown.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";

const KEYS = { subject: "alice", address: "192.0.2.1" };

function setUp(): { slowdown: Slowdown; clock: ManualClock } {
  const clock = new ManualClock();
  return { slowdown: new Slowdown(clock), clock };
}

/** One wrong attempt that waits for its turn; the pause it had. */
async function fail(
  { slowdown, clock }: ReturnType<typeof setUp>,
  keys: typeof KEYS = KEYS,
): Promise<number | null> {
  const pauseMs = slowdown.begin(keys);
  if (pauseMs === null) return null;
  await clock.advance(pauseMs);
  slowdown.failed(keys);
  return pauseMs;
}

Deno.test("begin() lets three attempts pass at once, then doubles the pause up to 30 s", async () => {
  const parts = setUp();
  const times: number[] = [];
  while (times.length < 13) {
    if (await fail(parts) === null) await parts.clock.advance(100);
    else times.push(parts.clock.now());
  }
  assertEquals(
    times.map((time, i) => time - (times[i - 1] ?? 0)),
    [
      ...[0, 0, 0],
      ...[200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600],
      ...[30_000, 30_000],
    ].map((pause) => pause > 4_000 ? Math.max(pause - 4_000, 0) + 4_000 : pause),
  );
});

Deno.test("begin() refuses an attempt while another one of the same pair waits", async () => {
  const parts = setUp();
  for (let i = 0; i < 3; i++) await fail(parts);
  assertEquals(parts.slowdown.begin(KEYS), 200);
  assertEquals(parts.slowdown.begin(KEYS), null);
  assertEquals(parts.slowdown.begin(KEYS), null);
  assertEquals(parts.slowdown.begin({ ...KEYS, address: "192.0.2.2" }), 0);
  assertEquals(parts.slowdown.begin({ ...KEYS, subject: "bob" }), 0);
  await parts.clock.advance(200);
  assertEquals(parts.slowdown.begin(KEYS), null, "the first one is being checked");
  parts.slowdown.failed(KEYS);
  assertEquals(parts.slowdown.begin(KEYS), 400, "those refused do not count");
});

Deno.test("begin() refuses an attempt that would wait longer than a login may take", async () => {
  const parts = setUp();
  while (await fail(parts) !== null);
  assertEquals(parts.slowdown.begin(KEYS), null);
  await parts.clock.advance(2_400);
  assertEquals(parts.slowdown.begin(KEYS), 4_000);
});

Deno.test("begin() gives a thousand attempts at once no more than one by one", async () => {
  const { slowdown, clock } = setUp();
  const pauses = Array.from({ length: 1_000 }, () => slowdown.begin(KEYS));
  assertEquals(pauses.slice(0, 4), [0, 0, 0, null]);
  assert(pauses.slice(3).every((pause) => pause === null));
  for (let i = 0; i < 3; i++) slowdown.failed(KEYS);
  await clock.advance(200);
  const later = Array.from({ length: 1_000 }, () => slowdown.begin(KEYS));
  assertEquals(later.filter((pause) => pause !== null), [0]);
});

Deno.test("begin() lets an owner in that repeats every ten seconds and gives up waiting", async () => {
  const parts = setUp();
  for (let i = 0; i < 9;) {
    if (await fail(parts) === null) await parts.clock.advance(1_000);
    else i++;
  }
  assertEquals(parts.slowdown.begin(KEYS), null);
  const pauses: (number | null)[] = [];
  for (let i = 0; i < 3; i++) {
    await parts.clock.advance(5_000);
    pauses.push(parts.slowdown.begin(KEYS));
  }
  assertEquals(pauses, [null, 2_800, 0]);
});

Deno.test("begin() goes on when the outcome of an attempt never comes", async () => {
  const parts = setUp();
  for (let i = 0; i < 4; i++) await fail(parts);
  assertEquals(parts.slowdown.begin(KEYS), 400);
  await parts.clock.advance(2_399);
  assertEquals(parts.slowdown.begin(KEYS), null);
  await parts.clock.advance(1);
  assertEquals(parts.slowdown.begin(KEYS), 0);
});

Deno.test("succeeded() clears the pair, not the address and not the subject", async () => {
  const parts = setUp();
  for (let i = 0; i < 10;) {
    if (await fail(parts) === null) await parts.clock.advance(500);
    else i++;
  }
  await parts.clock.advance(30_000);
  assertEquals(parts.slowdown.begin(KEYS), 500);
  parts.slowdown.succeeded(KEYS);
  assertEquals(parts.slowdown.begin(KEYS), 500, "ten failures on the subject");
});

Deno.test("begin() makes the owner of an attacked name pay 500 ms at most", async () => {
  const parts = setUp();
  for (let i = 0; i < 200; i++) await fail(parts, { ...KEYS, address: `198.51.100.${i}` });
  assertEquals(parts.slowdown.begin(KEYS), 500);
  parts.slowdown.succeeded(KEYS);
  assertEquals(parts.slowdown.begin(KEYS), 500, "also after a good login");
});

Deno.test("begin() slows down an address that tries one name after the other", async () => {
  const parts = setUp();
  for (let i = 0; i < 20; i++) {
    assertEquals(await fail(parts, { ...KEYS, subject: `name${i}` }), 0);
  }
  assertEquals(parts.slowdown.begin({ ...KEYS, subject: "another" }), 500);
  assertEquals(parts.slowdown.begin({ subject: "another", address: "192.0.2.9" }), 0);
});

Deno.test("begin() counts an IPv6 network as one address", async () => {
  const parts = setUp();
  for (let i = 0; i < 3; i++) await fail(parts, { ...KEYS, address: `2001:db8:1:2::${i}` });
  assertEquals(parts.slowdown.begin({ ...KEYS, address: "2001:db8:1:2:ffff::1" }), 200);
  assertEquals(parts.slowdown.begin({ ...KEYS, address: "2001:db8:1:3::1" }), 0);
});

Deno.test("begin() forgets a pair after ten minutes without a failure", async () => {
  const parts = setUp();
  for (let i = 0; i < 5; i++) await fail(parts);
  await parts.clock.advance(599_000);
  assertEquals(await fail(parts), 0);
  assertEquals(await fail(parts), 1_600, "it is remembered");
  await parts.clock.advance(600_001);
  assertEquals(parts.slowdown.begin(KEYS), 0);
});

Deno.test("begin() counts failures of an address within ten minutes only", async () => {
  const parts = setUp();
  for (let i = 0; i < 40; i++) {
    assertEquals(await fail(parts, { ...KEYS, subject: `name${i}` }), 0);
    await parts.clock.advance(60_000);
  }
});

Deno.test("begin() counts all subjects that are too long to be names as one", async () => {
  const parts = setUp();
  for (let i = 0; i < 3; i++) await fail(parts, { ...KEYS, subject: `${i}`.padStart(60_000, "x") });
  assertEquals(parts.slowdown.begin({ ...KEYS, subject: "y".repeat(300) }), 200);
  assertEquals(parts.slowdown.size, 3);
});

Deno.test("begin() remembers a limited number of pairs, addresses and subjects", async () => {
  const parts = setUp();
  for (let i = 0; i < 12_000; i++) {
    const keys = { subject: `name${i}`, address: `${i >> 8}.${i & 255}.0.1` };
    parts.slowdown.begin(keys);
    parts.slowdown.failed(keys);
  }
  assertEquals(parts.slowdown.size, 30_000);
  await parts.clock.advance(600_001);
  await fail(parts);
  assertEquals(parts.slowdown.size, 3, "those that are too old went");
});
