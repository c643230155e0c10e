import { assertEquals } from "@std/assert";
import { topicText } from "../../../src/protocol/topic_cache.ts";

const encoder = new TextEncoder();

function read(topic: string): string {
  const bytes = encoder.encode(`<${topic}>`);
  const text = topicText(bytes, 1, bytes.length - 1);
  bytes.fill(0); // what is kept must not be a view of the frame
  return text;
}

Deno.test("topicText() gives each topic, first time and again, short and long, in any script", () => {
  const topics = ["", "a", "é/日本/😀", "x".repeat(96), "x".repeat(97), "y".repeat(1_024)];
  for (let round = 0; round < 3; round++) {
    for (const topic of topics) assertEquals(read(topic), topic);
  }
});

Deno.test("topicText() tells topics apart whose places collide", () => {
  for (let i = 0; i < 20_000; i++) assertEquals(read(`t/${i}`), `t/${i}`);
  for (let i = 0; i < 20_000; i += 7) assertEquals(read(`t/${i}`), `t/${i}`);
});
