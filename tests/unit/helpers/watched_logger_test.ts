import { assertEquals, assertThrows } from "@std/assert";
import { findSecret, WatchedLogger, watchSecret } from "../../helpers/watched_logger.ts";
import { recordingLogger } from "../../helpers/log_entries.ts";

const SECRET = "correct horse battery staple";
const BYTES = new TextEncoder().encode(SECRET);
const KEY = Uint8Array.from({ length: 32 }, (_, i) => (i * 37 + 200) & 255);
const PEM = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEH\n" +
  "BG0wawIBAQQgZm9vYmFyZm9vYmFy\n-----END PRIVATE KEY-----\n";

/** What the logger says of one event. */
function leaksOf(event: string, fields?: Record<string, unknown>): number {
  const logger = new WatchedLogger();
  logger.debug(event, fields);
  return logger.leaks.length > 0 ? 1 : 0;
}

Deno.test("WatchedLogger finds a secret in each of its forms", () => {
  watchSecret(SECRET);
  watchSecret(KEY);
  const cyclic: Record<string, unknown> = { secret: SECRET };
  cyclic.self = cyclic;
  const forms: readonly unknown[] = [
    SECRET,
    `before ${SECRET} behind`,
    BYTES,
    BYTES.toHex(),
    BYTES.toHex().toUpperCase(),
    BYTES.toBase64(),
    new TextEncoder().encode(`x${SECRET}y`).toBase64(),
    new TextEncoder().encode(`xy${SECRET}`).toBase64({ alphabet: "base64url" }),
    new DataView(BYTES.slice().buffer),
    [...BYTES],
    JSON.stringify([...BYTES]),
    { deep: [{ deeper: new Map([["key", SECRET]]) }] },
    new Error("outside", { cause: new Error(`inside ${SECRET}`) }),
    { [SECRET]: true },
    cyclic,
    KEY,
    KEY.toBase64(),
    Uint8Array.of(1, ...KEY, 2),
  ];
  for (const [i, form] of forms.entries()) {
    assertEquals(leaksOf("something happened", { form }), 1, `form ${i}`);
  }
  assertEquals(leaksOf(`said ${SECRET}`), 1);
});

Deno.test("WatchedLogger finds one line of a PEM file, and does not mind its first line", () => {
  watchSecret(PEM);
  assertEquals(leaksOf("key read", { line: "xBG0wawIBAQQgZm9vYmFyZm9vYmFy" }), 1);
  assertEquals(leaksOf("key read", { line: "-----BEGIN PRIVATE KEY-----" }), 0);
});

Deno.test("WatchedLogger says nothing of an innocent event, and does not tell the secret", () => {
  watchSecret(SECRET);
  const logger = new WatchedLogger();
  logger.info("component logged in", {
    name: "alice",
    count: 3,
    list: [1, 2],
    none: null,
    big: 1n,
  });
  assertEquals([logger.leaks, logger.events], [[], 1]);
  logger.assertClean();
  logger.warn("login failed", { secret: SECRET });
  const { message } = assertThrows(() => logger[Symbol.dispose](), Error, 'warn "login failed"');
  assertEquals(message.includes(SECRET), false);
});

Deno.test("WatchedLogger passes events on", () => {
  const { logger, events } = recordingLogger();
  new WatchedLogger(logger).error("broken", { reason: "x" });
  assertEquals(events, [{ event: "broken", fields: { reason: "x" } }]);
});

Deno.test("watchSecret() refuses what would be found by chance", () => {
  assertThrows(() => watchSecret("12345"), RangeError, "6 bytes or more");
});

Deno.test("findSecret() searches the output of a process", () => {
  watchSecret(SECRET);
  assertEquals(findSecret("nothing here"), null);
  assertEquals(findSecret(`error: ${SECRET}`), "636f72... (28 bytes)");
});
