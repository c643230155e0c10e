import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { TOPIC_BYTES_MAX, TOPIC_LEVELS_MAX } from "../../../src/protocol/limits.ts";
import { checkTopic, isReserved, isSpace } from "../../../src/protocol/topic.ts";

const GOOD: readonly (readonly [string, string])[] = [
  ["one character", "t"],
  ["empty levels", "a//b/"],
  ["nothing but a slash", "/"],
  ["spaces and control characters", "a b\n\0"],
  ["a pattern", "*/**/x*"],
  ["a reserved one", "__config__"],
  ["characters of 2 to 4 bytes", "città/東京/😀"],
  ["as many bytes as may be", "a".repeat(TOPIC_BYTES_MAX)],
  ["as many bytes as may be, two for each character", "é".repeat(TOPIC_BYTES_MAX / 2)],
  ["as many levels as may be", "/".repeat(TOPIC_LEVELS_MAX - 1)],
];

for (const [what, topic] of GOOD) {
  Deno.test(`checkTopic() accepts ${what}`, () => {
    assertEquals(checkTopic(topic), null);
  });
}

const BAD: readonly (readonly [string, string, string])[] = [
  ["no character", "", 'Cannot use topic "": expected 1 byte or more, got none'],
  ["one byte too many", "a".repeat(TOPIC_BYTES_MAX + 1), "expected at most 1024 bytes, got 1025"],
  [
    "too many bytes in few characters",
    "é".repeat(TOPIC_BYTES_MAX / 2) + "a",
    "expected at most 1024 bytes, got 1025",
  ],
  [
    "one level too many",
    "/".repeat(TOPIC_LEVELS_MAX),
    "expected at most 64 levels, got 65",
  ],
  ["half a character", "a\ud800", "expected whole Unicode characters"],
  ["half a character in a long topic", "a".repeat(500) + "\udc00", "expected whole Unicode"],
];

for (const [what, topic, problem] of BAD) {
  Deno.test(`checkTopic() refuses ${what}`, () => {
    const got = checkTopic(topic) ?? "";
    assertStringIncludes(got, problem);
    assert(got.isWellFormed());
    assert(got.length < 250, "the sentence repeats the whole topic");
  });
}

Deno.test("isReserved() knows topics that start with two underscores", () => {
  const reserved = ["__", "__config__", "_a", "a__", "a/__b", ""].map(isReserved);
  assertEquals(reserved, [true, true, false, false, false, false]);
});

Deno.test("isSpace() knows topics with a star anywhere", () => {
  assertEquals(["*", "a/b*c", "**", "a", ""].map(isSpace), [true, true, true, false, false]);
});
