import { assertEquals } from "@std/assert";
import { cutTo, visible, widthOf } from "../../../src/cli/visible.ts";

Deno.test("visible() writes out what cannot be seen, and leaves the rest", () => {
  assertEquals(
    visible("a\nb\r\t\0\x1b[31m\x9b\u2028\u202e"),
    String.raw`a\nb\r\t\u0000\u001b[31m\u009b\u2028\u202e`,
  );
  assertEquals(visible("grün 日本 ☀"), "grün 日本 ☀");
});

Deno.test("cutTo() cuts whole characters", () => {
  assertEquals(cutTo("abc", 3), "abc");
  assertEquals(cutTo("abcd", 3), "ab…");
  assertEquals(cutTo("😀😀😀", 3), "😀😀😀");
  assertEquals(cutTo("😀😀😀", 2), "😀…");
  assertEquals(cutTo("abc", 0), "…");
  assertEquals(widthOf("😀é"), 2);
});
