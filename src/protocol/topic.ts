import { TOPIC_BYTES_MAX, TOPIC_LEVELS_MAX } from "./limits.ts";

const LEVEL_END = "/";
const WILDCARD = "*";
const RESERVED_PREFIX = "__";
/** How much of a topic an error shows. */
const SHOWN_MAX = 80;

const encoder = new TextEncoder();

/**
 * What is wrong with a topic, a pattern or the name of a service, as a sentence, or `null` when it
 * may be used: 1 to `TOPIC_BYTES_MAX` bytes of UTF-8, at most `TOPIC_LEVELS_MAX` levels
 * (PROTOCOL.md 4.1). Reserved topics pass: see {@link isReserved}.
 */
export function checkTopic(topic: string): string | null {
  const { length } = topic;
  if (length === 0) return unusable(topic, "expected 1 byte or more, got none");
  // A text has one level more than slashes, and 3 bytes at most for each of its UTF-16 units.
  const isShort = length < TOPIC_LEVELS_MAX && 3 * length <= TOPIC_BYTES_MAX;
  if (!isShort) {
    const bytes = length > TOPIC_BYTES_MAX ? length : encoder.encode(topic).length;
    if (bytes > TOPIC_BYTES_MAX) {
      return unusable(topic, `expected at most ${TOPIC_BYTES_MAX} bytes, got ${bytes}`);
    }
    const levels = countLevels(topic);
    if (levels > TOPIC_LEVELS_MAX) {
      return unusable(topic, `expected at most ${TOPIC_LEVELS_MAX} levels, got ${levels}`);
    }
  }
  // JSON can say half a character, UTF-8 cannot: such a topic would become another one on its way.
  return topic.isWellFormed()
    ? null
    : unusable(topic, "expected whole Unicode characters, got a part of one");
}

/** Whether peers may not use a topic: it starts with `__` (PROTOCOL.md 4.1). */
export function isReserved(topic: string): boolean {
  return topic.startsWith(RESERVED_PREFIX);
}

/** Whether a subscription stands for all topics that match it: it contains `*` (spec 5.6). */
export function isSpace(topic: string): boolean {
  return topic.includes(WILDCARD);
}

function countLevels(topic: string): number {
  let levels = 1;
  for (let at = topic.indexOf(LEVEL_END); at !== -1; at = topic.indexOf(LEVEL_END, at + 1)) {
    levels++;
  }
  return levels;
}

function unusable(topic: string, problem: string): string {
  const shown = topic.length > SHOWN_MAX ? `${topic.slice(0, SHOWN_MAX)}...` : topic;
  return `Cannot use topic "${shown.toWellFormed()}": ${problem}`;
}
