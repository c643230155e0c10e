import { assertEquals } from "@std/assert";
import { type Holder, OutboundMemory } from "../../../src/broker/memory.ts";
import { settle } from "../../helpers/manual_clock.ts";
import { NotingLogger } from "../../helpers/noting_logger.ts";

const MIB = 1024 * 1024;

class FakeHolder implements Holder {
  readonly closes: [number, string][] = [];
  ownBytes: number;
  outboxBytes: number;
  readonly name: string;
  constructor(name: string, bytes: { link?: number; outbox?: number }) {
    this.name = name;
    this.ownBytes = bytes.link ?? 0;
    this.outboxBytes = bytes.outbox ?? 0;
  }
  get queuedBytes(): number {
    return this.ownBytes + this.outboxBytes;
  }
  close(code: number, reason: string): void {
    this.closes.push([code, reason]);
    this.ownBytes = 0;
    this.outboxBytes = 0;
  }
}

function setUp(bytesMax: number, holders: Holder[], away: { bytes: number }[] = []) {
  const memory: OutboundMemory = new OutboundMemory({
    bytesMax,
    log: new NotingLogger(),
    holders: () => holders,
    shed: () => {
      const one = away.shift();
      if (one === undefined) return false;
      memory.free(one.bytes);
      return true;
    },
  });
  return memory;
}

Deno.test("the limit of all queues closes the session with the longest one, and no other", async () => {
  const slow = new FakeHolder("slow", { link: 20 * MIB });
  const slower = new FakeHolder("slower", { link: 21 * MIB });
  const memory = setUp(40 * MIB, [slow, slower]);
  memory.queued(slow, slow.ownBytes);
  await settle();
  assertEquals([slow.closes, slower.closes], [[], []]);
  memory.queued(slower, slower.ownBytes);
  await settle();
  assertEquals([slow.closes, slower.closes], [[], [[1013, "memory limit"]]]);
});

Deno.test("queues of exactly the limit close nobody", async () => {
  const one = new FakeHolder("one", { link: 20 * MIB });
  const memory = setUp(40 * MIB, [one]);
  memory.hold(20 * MIB);
  memory.queued(one, one.ownBytes);
  await settle();
  assertEquals(one.closes, []);
  memory.hold(1);
  one.ownBytes += 4 * MIB;
  memory.queued(one, 4 * MIB);
  await settle();
  assertEquals(one.closes.length, 1);
});

Deno.test("deliveries to components that are away are given up before anybody is closed", async () => {
  const one = new FakeHolder("one", { outbox: 10 * MIB });
  const away = [{ bytes: 20 * MIB }, { bytes: 20 * MIB }];
  const memory = setUp(32 * MIB, [one], away);
  memory.hold(50 * MIB);
  await settle();
  assertEquals([one.closes, away.length, memory.heldBytes], [[], 1, 30 * MIB]);
});

Deno.test("a session whose link has drained counts with what it did not acknowledge", async () => {
  const idle = new FakeHolder("idle", {});
  const mute = new FakeHolder("mute", { outbox: 33 * MIB });
  const memory = setUp(32 * MIB, [idle, mute]);
  memory.hold(33 * MIB);
  await settle();
  assertEquals([idle.closes.length, mute.closes.length], [0, 1]);
});

Deno.test("a payload counts once, however many queues hold it", () => {
  const memory = setUp(32 * MIB, []);
  const message = { data: { byteLength: 100 }, holders: 0 };
  memory.share(message);
  memory.share(message);
  assertEquals(memory.heldBytes, 100);
  memory.unshare(message);
  assertEquals(memory.heldBytes, 100);
  memory.unshare(message);
  assertEquals(memory.heldBytes, 0);
});

Deno.test("release() takes a session out of the account", async () => {
  const one = new FakeHolder("one", { link: 30 * MIB });
  const memory = setUp(32 * MIB, [one]);
  memory.queued(one, 30 * MIB);
  memory.release(one);
  memory.hold(10 * MIB);
  await settle();
  assertEquals(one.closes, []);
});

Deno.test("bytes that come and go do not lead to checks without end", async () => {
  const one = new FakeHolder("one", { link: MIB });
  let looks = 0;
  const memory = new OutboundMemory({
    bytesMax: MIB,
    log: new NotingLogger(),
    holders: () => [one],
    shed: () => {
      looks++;
      return false;
    },
  });
  for (let n = 0; n < 100; n++) {
    memory.hold(2 * MIB);
    memory.free(2 * MIB);
  }
  await settle();
  assertEquals(looks, 0);
});
