import { assert, assertEquals } from "@std/assert";
import { denoLogFiles } from "../../src/log/deno_files.ts";
import { openLogReader } from "../../src/log/log_reader.ts";
import type { MessageLog } from "../../src/log/message_log.ts";
import { openMessageLog } from "../../src/log/open_message_log.ts";
import type { LogBatch } from "../../src/log/reading.ts";
import { eventually } from "../helpers/eventually.ts";
import { collect, entry, textOf } from "../helpers/log_entries.ts";
import { SeededRandom } from "../helpers/seeded_random.ts";

/** Messages that four publishers append to a log on a real disk, while others read. */
const MESSAGES = 4_000;
const PUBLISHERS = 4;
const OPTIONS = { segmentBytes: 64 * 1024, retentionBytes: 1024 * 1024 };

async function publish(log: MessageLog, publisher: number): Promise<void> {
  const random = new SeededRandom(publisher);
  for (let i = 0; i < MESSAGES / PUBLISHERS;) {
    const count = 1 + random.below(20);
    const offsets: number[] = [];
    for (let j = 0; j < count && i < MESSAGES / PUBLISHERS; j++, i++) {
      const text = `${publisher} ${i} ${"x".repeat(random.below(1_000))}`;
      const given = entry(text, { topic: `t${publisher}`, qos: random.pick([0, 1, 2] as const) });
      const result = log.append(given);
      if (result.kind === "logged") offsets.push(result.offset);
    }
    await Promise.all(offsets.map((offset) => log.committed(offset)));
  }
}

/** What a reader saw. Fails at once when it is not in order. */
class Watcher {
  readonly seen = new Map<number, string>();
  next = 1;

  async take(batches: AsyncIterable<LogBatch>): Promise<void> {
    for await (const { records, next } of batches) {
      for (const record of records) {
        assert(record.offset >= this.next, `${record.offset} after ${this.next}`);
        this.next = record.offset + 1;
        this.seen.set(record.offset, textOf(record));
      }
      this.next = next;
    }
  }
}

Deno.test("a log on a real disk serves followers, another reader and late readers while it is written and retained", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const files = denoLogFiles(directory);
    await using log = await openMessageLog({ files, ...OPTIONS });
    await using other = await openLogReader({ files: denoLogFiles(directory) });
    const follower = new Watcher();
    const beside = new Watcher();
    const late = new Watcher();
    const following = follower.take(log.follow({ from: { offset: 1 } }));
    const publishing = Promise.all(
      Array.from({ length: PUBLISHERS }, (_, i) => publish(log, i)),
    );
    let isPublishing = true;
    void publishing.then(() => isPublishing = false);
    while (isPublishing) {
      other.advance(log.durable);
      await beside.take(other.read({ from: { offset: beside.next } }));
      await log.retain();
      // Where nothing is to be read, nothing lets the publishers go on.
      await new Promise((resolve) => void setImmediate(resolve));
    }
    await publishing;
    await log.flush();
    assertEquals(log.durable, MESSAGES);
    await eventually(() => assertEquals(follower.next, MESSAGES + 1));
    other.advance(log.durable);
    await beside.take(other.read({ from: { offset: beside.next } }));
    await late.take(log.read({ from: { offset: 1 } }));
    assert(log.first > 1, "retention dropped something");
    assertEquals(late.seen.size, MESSAGES - log.first + 1);
    for (const [offset, text] of late.seen) {
      assertEquals(follower.seen.get(offset), text);
      assertEquals(beside.seen.get(offset), text);
    }
    const one = await collect(log.read({ from: { offset: 1 }, topics: (topic) => topic === "t2" }));
    assertEquals(
      one.length,
      [...late.seen.values()].filter((text) => text.startsWith("2 ")).length,
    );
    assertEquals(log.status.damage.places, 0);
    await log.close();
    await following;
    await using again = await openMessageLog({ files, ...OPTIONS });
    assertEquals([again.opened.isClean, again.next], [true, MESSAGES + 1]);
    assertEquals((await collect(again.read({ from: { offset: 1 } }))).length, late.seen.size);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
