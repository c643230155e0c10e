import { assertEquals, assertRejects } from "@std/assert";
import { AppendQueue } from "../../../src/log/append_queue.ts";
import { QUEUE_RECORDS_MAX } from "../../../src/log/limits.ts";
import { Texts } from "../../../src/log/texts.ts";
import { entry } from "../../helpers/log_entries.ts";

interface Filled {
  readonly queue: AppendQueue;
  add(text: string): void;
}

function queueOf(options: { bytesMax?: number; blockBytes?: number } = {}): Filled {
  const queue = new AppendQueue({ marker: 1, texts: new Texts(), ...options });
  let offset = 1;
  return {
    queue,
    add(text: string): void {
      const given = entry(text);
      queue.push(given, queue.measure(given), { offset, recvNs: BigInt(offset) });
      offset++;
    },
  };
}

Deno.test("take() moves the oldest blocks, at least one, and leaves what is too much", () => {
  const { queue, add } = queueOf({ blockBytes: 256 });
  for (let i = 0; i < 6; i++) add("x".repeat(100));
  assertEquals(queue.bytes, queue.waitingBytes);
  const first = queue.take(0);
  assertEquals([first.length, first[0]?.first, first[0]?.last], [1, 1, 1]);
  queue.settle();
  assertEquals(queue.take(Infinity).map(({ first }) => first), [2, 3, 4, 5, 6]);
  assertEquals(queue.waitingBytes, 0);
  queue.settle();
  assertEquals(queue.bytes, 0);
});

Deno.test("hasRoom() admits one record of any size to an empty queue", () => {
  const { queue, add } = queueOf({ bytesMax: 500 });
  assertEquals(queue.hasRoom(10_000), true);
  add("x");
  assertEquals([queue.hasRoom(500), queue.hasRoom(300)], [false, true]);
});

Deno.test("hasRoom() limits the count of records: so many offsets are skipped after a crash", () => {
  const { queue, add } = queueOf({ bytesMax: Infinity });
  for (let i = 0; i < QUEUE_RECORDS_MAX; i++) {
    add("");
    if (i % 65_536 === 0) assertEquals(queue.hasRoom(0), true);
  }
  assertEquals(queue.hasRoom(0), false);
});

Deno.test("settled() settles with the block of the offset, and is null for others", async () => {
  const { queue, add } = queueOf({ blockBytes: 256 });
  add("x".repeat(100));
  add("x".repeat(100));
  const first = queue.settled(1);
  const second = queue.settled(2);
  assertEquals(queue.settled(1), first);
  assertEquals(queue.settled(3), null);
  queue.take(0);
  queue.settle();
  await first;
  assertEquals(queue.settled(1), null);
  assertEquals(queue.refuse(new Error("disk")), 1);
  await assertRejects(async () => await second, Error, "disk");
});

Deno.test("refuse() empties the queue, also of what is being written", () => {
  const { queue, add } = queueOf({ blockBytes: 256 });
  for (let i = 0; i < 4; i++) add("x".repeat(100));
  queue.take(0);
  assertEquals(queue.refuse(new Error("disk")), 4);
  assertEquals([queue.bytes, queue.waitingBytes, queue.take(Infinity).length], [0, 0, 0]);
});

Deno.test("blocks are used again, and know the topics of their records", () => {
  const { queue, add } = queueOf();
  add("a");
  const [block] = queue.take(Infinity);
  assertEquals([...block?.topics ?? []], [["town/temperature", { first: 1, last: 1, count: 1 }]]);
  queue.settle();
  add("b");
  add("c");
  const [again] = queue.take(Infinity);
  assertEquals(again === block, true);
  assertEquals([again?.first, again?.count, again?.topics.get("town/temperature")?.count], [
    2,
    2,
    2,
  ]);
});
