import { assertEquals } from "@std/assert";
import {
  Backlog,
  BACKLOG_BYTES_MAX,
  BACKLOG_MESSAGES_MAX,
  type Waiting,
} from "../../../src/client/backlog.ts";
import { Payload } from "../../../src/protocol/payload.ts";

function waiting(topic: string, data: Payload = SMALL): Waiting {
  return {
    packet: {
      type: "publish",
      id: null,
      topic,
      qos: 0,
      slot: null,
      data,
      extras: null,
      frame: null,
    },
    id: null,
  };
}

const SMALL = Payload.fromCbor(new Uint8Array([0x80]));

Deno.test("push() takes 100,000 messages, and more only when some were taken", () => {
  const backlog = new Backlog();
  for (let n = 0; n < BACKLOG_MESSAGES_MAX; n++) assertEquals(backlog.push(waiting("t")), true);
  assertEquals([backlog.push(waiting("t")), backlog.length], [false, BACKLOG_MESSAGES_MAX]);
  backlog.shift("t");
  assertEquals([backlog.push(waiting("u")), backlog.isHalfEmpty], [true, false]);
  for (let n = 0; n < BACKLOG_MESSAGES_MAX / 2; n++) backlog.shift("t");
  assertEquals(backlog.isHalfEmpty, true);
});

Deno.test("push() takes 64 MiB, and one message of any size when nothing waits", () => {
  const backlog = new Backlog();
  const large = waiting("t", Payload.fromCbor(new Uint8Array(BACKLOG_BYTES_MAX + 1)));
  assertEquals([backlog.push(large), backlog.push(waiting("t"))], [true, false]);
  assertEquals([backlog.shift("t"), backlog.isHalfEmpty], [large, true]);
  const half = waiting("t", Payload.fromCbor(new Uint8Array(BACKLOG_BYTES_MAX / 2)));
  assertEquals([backlog.push(half), backlog.isHalfEmpty], [true, true]);
  assertEquals([backlog.push(half), backlog.isHalfEmpty], [true, false]);
  assertEquals(backlog.push(waiting("t")), false);
});

Deno.test("shift() gives the messages of a topic in order, and nothing of an unknown one", () => {
  const backlog = new Backlog();
  const [first, second] = [waiting("t"), waiting("t")];
  backlog.push(first);
  backlog.push(second);
  assertEquals([backlog.has("t"), backlog.has("u"), backlog.shift("u")], [true, false, undefined]);
  assertEquals([backlog.peek("t") === first, backlog.shift("t") === first], [true, true]);
  assertEquals([backlog.shift("t") === second, backlog.has("t")], [true, false]);
  assertEquals([backlog.shift("t"), backlog.length], [undefined, 0]);
});

Deno.test("topics() gives those that are taken from in turn", () => {
  const backlog = new Backlog();
  for (const topic of ["a", "a", "a", "b", "b", "c"]) backlog.push(waiting(topic));
  const order: string[] = [];
  for (const topic of backlog.topics()) {
    order.push(topic);
    if (topic !== "c") backlog.shift(topic);
  }
  assertEquals(order.join(""), "abcaba");
});
