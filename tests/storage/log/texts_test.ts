import { assertEquals, assertStrictEquals } from "@std/assert";
import { TEXTS_KEPT_MAX } from "../../../src/log/limits.ts";
import { Texts } from "../../../src/log/texts.ts";

const encoder = new TextEncoder();

Deno.test("bytesOf() gives the same bytes for the same text", () => {
  const texts = new Texts();
  const bytes = texts.bytesOf("città/°C");
  assertEquals(bytes, encoder.encode("città/°C"));
  assertStrictEquals(texts.bytesOf("città/°C"), bytes);
});

Deno.test("bytesOf() and read() stay right when there are more texts than are kept", () => {
  const texts = new Texts();
  for (let i = 0; i < 3 * TEXTS_KEPT_MAX; i++) {
    const text = `topic/${i}`;
    const bytes = texts.bytesOf(text);
    assertEquals(texts.read(bytes, 0, bytes.byteLength), text);
  }
});

Deno.test("read() tells texts apart that have the same hash", () => {
  const texts = new Texts();
  // 31 * "A" + "a" is 31 * "B" + "B".
  const bytes = encoder.encode("AaBB");
  assertEquals(texts.read(bytes, 0, 2), "Aa");
  assertEquals(texts.read(bytes, 2, 4), "BB");
  assertEquals(texts.read(bytes, 0, 2), "Aa");
});

Deno.test("read() does not notice when the bytes change that it read before", () => {
  const texts = new Texts();
  const bytes = encoder.encode("abc");
  assertEquals(texts.read(bytes, 0, 3), "abc");
  bytes[0] = 120;
  assertEquals(texts.read(bytes, 0, 3), "xbc");
});

Deno.test("read() reads long and empty texts", () => {
  const texts = new Texts();
  const long = "x".repeat(1_000);
  assertEquals(texts.read(encoder.encode(long), 0, 1_000), long);
  assertEquals(texts.read(new Uint8Array(), 0, 0), "");
});
