import { assert, assertEquals, assertRejects } from "@std/assert";
import type { LogHealth } from "../../../src/log/health.ts";
import { LogError } from "../../../src/log/errors.ts";
import { PROBE_BYTES, PROBE_MS_MAX, PROBE_MS_MIN, STALL_MS } from "../../../src/log/limits.ts";
import { append, collect, entry, readTexts, store, textOf } from "../../helpers/log_entries.ts";
import { type LogSetUp, setUpLog } from "../../helpers/log_set_up.ts";
import { settle } from "../../helpers/manual_clock.ts";

/** The next call of this method fails. */
function failOnce({ disk }: LogSetUp, method: string, reason = "EIO"): void {
  disk.fault = (call) => {
    if (call.method !== method) return null;
    disk.fault = () => null;
    return { kind: "fail", reason };
  };
}

/** Moves the clock until the log has recovered, or so far that it should have. */
async function recovered({ clock, log }: LogSetUp, ms = 4 * PROBE_MS_MAX): Promise<void> {
  for (let passed = 0; log.health.kind === "red" && passed < ms; passed += PROBE_MS_MIN) {
    await clock.advance(PROBE_MS_MIN);
    for (let i = 0; i < 10; i++) await settle();
  }
}

for (const method of ["write", "sync"]) {
  Deno.test(`a failed ${method} refuses what is not durable, at once, and turns health red`, async () => {
    const healths: LogHealth[] = [];
    await using setUp = await setUpLog({ onHealth: (health) => healths.push(health) });
    const { log } = setUp;
    await store(log, entry("kept"));
    failOnce(setUp, method);
    const offset = append(log, entry("refused"));
    const error = await assertRejects(() => log.committed(offset), LogError, "EIO");
    assertEquals(error.fault, "refused");
    assertEquals(healths, [{ kind: "red", reason: "EIO" }]);
    assertEquals(log.append(entry("x")), { kind: "refused", reason: "EIO" });
    const passed = log.append(entry("x", { qos: 0 }));
    assertEquals(passed.kind === "notLogged" && passed.cause, "failed");
    assertEquals(await readTexts(log), ["kept"]);
  });

  Deno.test(`after a failed ${method} the log recovers by itself, and what was refused does not appear`, async () => {
    const setUp = await setUpLog();
    const { log, disk } = setUp;
    await store(log, entry("a"));
    failOnce(setUp, method);
    const refused = append(log, entry("refused"));
    await assertRejects(() => log.committed(refused), LogError);
    await recovered(setUp);
    assertEquals(log.health, { kind: "green" });
    assertEquals(await store(log, entry("b")), refused + 1);
    assertEquals(await readTexts(log), ["a", "b"]);
    await assertRejects(() => log.committed(refused), LogError);
    disk.kill();
    await using again = await setUp.reopen();
    assertEquals(await readTexts(again.log), ["a", "b"]);
    assertEquals(again.log.status.damage.places, 0);
  });
}

Deno.test("the file of a failed sync is never written again, and its remains stay hidden when they cannot be cut", async () => {
  const setUp = await setUpLog();
  const { log, disk } = setUp;
  await store(log, entry("a"));
  failOnce(setUp, "sync");
  const refused = append(log, entry("refused"));
  await assertRejects(() => log.committed(refused), LogError);
  const before = disk.content("0000000000000001.seg").slice();
  disk.fault = ({ method, name }) =>
    name === "0000000000000001.seg" && (method === "truncate" || method === "write")
      ? { kind: "fail", reason: "read only" }
      : null;
  await recovered(setUp);
  await store(log, entry("b"));
  assertEquals(disk.content("0000000000000001.seg"), before);
  assert(new TextDecoder().decode(before).includes("refused"));
  assertEquals(await readTexts(log), ["a", "b"]);
  disk.kill();
  disk.fault = () => null;
  await using again = await setUp.reopen();
  assertEquals(await readTexts(again.log), ["a", "b"]);
});

Deno.test("probing pauses longer and longer, and not longer than its limit", async () => {
  await using setUp = await setUpLog();
  const { log, disk, clock } = setUp;
  await store(log, entry("a"));
  const probes: number[] = [];
  disk.fault = ({ method }) => {
    if (method === "create") probes.push(clock.now());
    return method === "sync" || method === "create" ? { kind: "fail", reason: "EIO" } : null;
  };
  await assertRejects(() => log.committed(append(log, entry("x"))), LogError);
  for (let i = 0; i < 300; i++) await clock.advance(PROBE_MS_MIN);
  const pauses = probes.map((at, i) => at - (probes[i - 1] ?? 0));
  assertEquals(pauses.slice(0, 6), [100, 200, 400, 800, 1_600, 3_200]);
  assertEquals(pauses.at(-1), PROBE_MS_MAX);
  assertEquals(log.health, { kind: "red", reason: "EIO" });
  disk.fault = () => null;
  await recovered(setUp);
  assertEquals(await readTexts(log), ["a"]);
});

Deno.test("a full disk turns health red until there is room for more than a header", async () => {
  await using setUp = await setUpLog();
  const { log, disk } = setUp;
  await store(log, entry("a"));
  disk.capacity = disk.used + 100;
  await assertRejects(() => log.committed(append(log, entry("x".repeat(500)))), LogError, "space");
  disk.capacity = disk.used + 20_000;
  await recovered(setUp);
  assertEquals(log.health.kind, "red");
  disk.capacity = disk.used + 2 * PROBE_BYTES;
  await recovered(setUp);
  assertEquals(log.health.kind, "green");
  await store(log, entry("b"));
  assertEquals(await readTexts(log), ["a", "b"]);
});

Deno.test("many failures in a row leave one segment, and keep the pauses long", async () => {
  await using setUp = await setUpLog();
  const { log, clock, disk } = setUp;
  await store(log, entry("a"));
  for (let i = 0; i < 20; i++) {
    failOnce(setUp, "sync");
    await assertRejects(() => log.committed(append(log, entry("refused"))), LogError);
    await recovered(setUp);
    assertEquals(log.health.kind, "green");
  }
  assertEquals(log.status.segments, 2);
  assert(clock.now() > 10 * PROBE_MS_MAX);
  await store(log, entry("b"));
  assertEquals(await readTexts(log), ["a", "b"]);
  await log.close();
  assertEquals(disk.names.filter((name) => name.endsWith(".seg")).length, 2);
  await using again = await setUp.reopen();
  assertEquals(await readTexts(again.log), ["a", "b"]);
});

Deno.test("a follower goes on over a failure without gap or repeat", async () => {
  await using setUp = await setUpLog();
  const { log } = setUp;
  const seen: string[] = [];
  const following = (async () => {
    for await (const { records } of log.follow({ from: { offset: 1 } })) {
      seen.push(...records.map(textOf));
    }
  })();
  for (const text of ["a", "b", "c"]) {
    await store(log, entry(text));
    failOnce(setUp, "write");
    await assertRejects(() => log.committed(append(log, entry("refused"))), LogError);
    await recovered(setUp);
  }
  await store(log, entry("d"));
  for (let i = 0; i < 10; i++) await settle();
  await log.close();
  await following;
  assertEquals(seen, ["a", "b", "c", "d"]);
});

Deno.test("a disk that does not answer turns health red, refuses nothing, and is green when it answers", async () => {
  await using setUp = await setUpLog();
  const { log, disk, clock } = setUp;
  const { promise, resolve } = Promise.withResolvers<void>();
  disk.fault = ({ method }) => method === "sync" ? { kind: "wait", until: promise } : null;
  const waiting = log.committed(append(log, entry("a")));
  await clock.advance(STALL_MS);
  assertEquals(log.health.kind, "red");
  assertEquals(log.append(entry("x")).kind, "refused");
  resolve();
  await waiting;
  await settle();
  assertEquals(log.health.kind, "green");
  await store(log, entry("b"));
  assertEquals(await readTexts(log), ["a", "b"]);
});

Deno.test("a cut that takes longer than the first pause does not keep the log from recovering", async () => {
  await using setUp = await setUpLog();
  const { log, disk, clock } = setUp;
  await store(log, entry("a"));
  const { promise, resolve } = Promise.withResolvers<void>();
  disk.fault = ({ method }) => {
    if (method === "truncate") return { kind: "wait", until: promise };
    return method === "write" ? { kind: "fail", reason: "EIO" } : null;
  };
  await assertRejects(() => log.committed(append(log, entry("refused"))), LogError);
  await clock.advance(10 * PROBE_MS_MIN);
  disk.fault = () => null;
  resolve();
  await settle();
  await recovered(setUp);
  await store(log, entry("b"));
  assertEquals(await readTexts(log), ["a", "b"]);
});

Deno.test("committed() rejects after close() for what close() could not store", async () => {
  await using setUp = await setUpLog();
  const { log, disk } = setUp;
  const offset = append(log, entry("x", { qos: 0 }));
  disk.fault = ({ method }) => method === "write" ? { kind: "fail", reason: "EIO" } : null;
  await log.close();
  await assertRejects(() => log.committed(offset), LogError);
});

Deno.test("an old log on a disk that takes nothing opens red, can be read, and recovers", async () => {
  await using setUp = await setUpLog();
  const { log, disk } = setUp;
  await store(log, entry("a"));
  await log.close();
  disk.fault = ({ method }) => method === "sync" ? { kind: "fail", reason: "EIO" } : null;
  await using again = await setUp.reopen();
  assertEquals(again.log.health, { kind: "red", reason: "EIO" });
  assertEquals(await readTexts(again.log), ["a"]);
  disk.fault = () => null;
  await recovered(again);
  await store(again.log, entry("b"));
  assertEquals(await readTexts(again.log), ["a", "b"]);
});

Deno.test("a new log on a disk that takes nothing does not open", async () => {
  const setUp = setUpLog;
  const { disk } = await (async () => {
    const first = await setUp();
    await first.log.close();
    return first;
  })();
  for (const name of disk.names) await disk.files().remove(name);
  disk.fault = ({ method }) => method === "write" ? { kind: "fail", reason: "EACCES" } : null;
  await assertRejects(() => setUp({}, disk), Error, "EACCES");
  disk.fault = () => null;
  await using again = await setUp({}, disk);
  assertEquals(again.log.next, 1);
});

Deno.test("close() while red ends, and refuses what waits", async () => {
  await using setUp = await setUpLog();
  const { log, disk } = setUp;
  disk.fault = ({ method }) => method === "sync" ? { kind: "fail", reason: "EIO" } : null;
  const offset = append(log, entry("x", { qos: 0 }));
  const waiting = assertRejects(() => log.committed(offset), LogError);
  await log.close();
  await waiting;
  disk.fault = () => null;
  await using again = await setUp.reopen();
  assertEquals(again.log.opened.isClean, false);
  assertEquals(await collect(again.log.read({ from: { offset: 1 } })), []);
});

Deno.test("an index that cannot be written is no failure", async () => {
  await using setUp = await setUpLog();
  const { log, disk, events } = setUp;
  disk.fault = ({ name }) => name.includes(".idx") ? { kind: "fail", reason: "EIO" } : null;
  for (let i = 0; i < 40; i++) await store(log, entry("x".repeat(1_000)));
  assertEquals(log.health.kind, "green");
  await settle();
  assert(events.some(({ event }) => event === "log index not written"));
  disk.fault = () => null;
  assertEquals((await readTexts(log)).length, 40);
});
