import { assertEquals, assertThrows } from "@std/assert";
import { PRIVATE_PATTERNS_MAX, PRIVATE_TOPICS_MAX } from "../../../src/broker/limits.ts";
import { PrivateTopics } from "../../../src/broker/private_topics.ts";
import { LimitError } from "../../../src/protocol/errors.ts";

function covering(topics: PrivateTopics, topic: string): string[] {
  return topics.covering(topic).map((rule) => rule.topic);
}

Deno.test("covering() gives nothing for a public topic", () => {
  const topics = new PrivateTopics({ spaces: true });
  assertEquals(topics.isEmpty, true);
  topics.makePrivate("other");
  assertEquals(covering(topics, "t"), []);
  assertEquals(topics.isEmpty, false);
});

Deno.test("covering() gives the exact rule and those whose pattern matches, '@' included", () => {
  const topics = new PrivateTopics({ spaces: true });
  topics.makePrivate("plant/*");
  topics.makePrivate("plant/one");
  topics.makePrivate("**");
  assertEquals(covering(topics, "plant/one"), ["plant/one", "plant/*", "**"]);
  assertEquals(covering(topics, "plant/@secret"), ["plant/*", "**"]);
  assertEquals(covering(topics, "plant/a/b"), ["**"]);
});

Deno.test("covering() takes '*' for a plain character where there are no spaces", () => {
  const topics = new PrivateTopics({ spaces: false });
  topics.makePrivate("plant/*");
  assertEquals(covering(topics, "plant/one"), []);
  assertEquals(covering(topics, "plant/*"), ["plant/*"]);
});

Deno.test("covering() forgets what it knew when a rule comes or goes", () => {
  const topics = new PrivateTopics({ spaces: true });
  topics.makePrivate("a/*");
  assertEquals(covering(topics, "a/b"), ["a/*"]);
  topics.makePrivate("a/b");
  assertEquals(covering(topics, "a/b"), ["a/b", "a/*"]);
  topics.makePublic("a/*");
  assertEquals(covering(topics, "a/b"), ["a/b"]);
});

Deno.test("makePrivate() keeps an existing set; makePublic() drops it", () => {
  const topics = new PrivateTopics({ spaces: true });
  topics.authorize("alice", "t");
  topics.makePrivate("t");
  assertEquals(topics.list(), Object.assign(Object.create(null), { t: ["alice"] }));
  topics.makePublic("t");
  topics.makePrivate("t");
  assertEquals(topics.exact("t")?.names.size, 0);
});

Deno.test("unauthorize() does nothing on a public topic", () => {
  const topics = new PrivateTopics({ spaces: true });
  topics.unauthorize("alice", "t");
  assertEquals(topics.isEmpty, true);
});

Deno.test("makePrivate() refuses one topic more than the limit", () => {
  const topics = new PrivateTopics({ spaces: true });
  for (let n = 0; n < PRIVATE_TOPICS_MAX; n++) topics.makePrivate(`t${n}`);
  topics.makePrivate("t0");
  assertThrows(() => topics.makePrivate("one more"), LimitError, "one more");
  topics.makePublic("t0");
  topics.makePrivate("one more");
});

Deno.test("makePrivate() refuses one pattern more than the limit", () => {
  const topics = new PrivateTopics({ spaces: true });
  for (let n = 0; n < PRIVATE_PATTERNS_MAX; n++) topics.makePrivate(`t${n}/*`);
  assertThrows(() => topics.makePrivate("more/*"), LimitError, "more/*");
  topics.makePrivate("plain");
  topics.makePublic("t0/*");
  topics.makePrivate("more/*");
});

Deno.test("authorize() refuses one name more than the limit", () => {
  const topics = new PrivateTopics({ spaces: true });
  for (let n = 0; n < PRIVATE_TOPICS_MAX; n++) topics.authorize(`c${n}`, "t");
  topics.authorize("c0", "t");
  assertThrows(() => topics.authorize("one-more", "t"), LimitError, "one-more");
});
