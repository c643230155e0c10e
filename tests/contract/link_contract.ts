import { assert, assertEquals } from "@std/assert";
import type { Link } from "../../src/link/link.ts";
import { eventually } from "../helpers/eventually.ts";
import { LinkRecorder } from "../helpers/link_recorder.ts";

/** Two links that are each other's peer. */
export interface LinkPair extends AsyncDisposable {
  readonly a: Link;
  readonly b: Link;
}

/** What a transport can do, where transports differ. */
export interface LinkTraits {
  /** The code that is seen when `a` closes with one; D5 for a dialled WHATWG socket. */
  readonly wireCode: (code: number) => number;
  /** What the peer sees when `a` is terminated. */
  readonly codeWhenTerminated: number;
  /** Whether a `b` that is paused slows `a` down: what `a` sends stays in its buffer. */
  readonly pauseSlows: boolean;
}

/** Two started links and what they told. */
interface Started extends AsyncDisposable {
  readonly a: LinkRecorder;
  readonly b: LinkRecorder;
  readonly links: LinkPair;
}

const MIB = 1024 * 1024;
const HIGH = 64 * 1024;

/**
 * What every {@link Link} promises (`src/link/link.ts`). `a` is the one under test, `b` is its peer: a transport
 * with two kinds of ends is tested twice.
 */
export function linkContract(
  name: string,
  open: () => Promise<LinkPair>,
  traits: LinkTraits,
): void {
  const test = (what: string, body: (started: Started) => Promise<void>): void => {
    Deno.test(`${name}: ${what}`, async () => {
      await using started = await start(open);
      await body(started);
      assertEquals([...started.a.faults, ...started.b.faults], []);
    });
  };
  messageTests(name, open, test);
  flowTests(test, traits);
  closeTests(test, traits);
  limitTests(test, traits);
  terminateTests(test, traits);
}

type Test = (what: string, body: (started: Started) => Promise<void>) => void;

function messageTests(name: string, open: () => Promise<LinkPair>, test: Test): void {
  test("remote says who the other end is", ({ links }) => {
    assert(links.a.remote.length > 0);
    return Promise.resolve();
  });

  test("send() delivers texts and bytes in order, both ways", async ({ a, b }) => {
    const sent = ["text", bytes(1, 2, 3), "", bytes(), "ünïcödé 🎈", "\ufeffmark", bytes(255)];
    for (const one of sent) {
      a.send(one);
      b.send(one);
    }
    await a.received(sent.length);
    await b.received(sent.length);
    assertEquals(a.messages, sent);
    assertEquals(b.messages, sent);
  });

  test("send() joins head and tail to one message, whatever their sizes", async ({ a, b }) => {
    const sizes = [0, 1, 100, 125, 126, 65_535, 65_536, 200_000];
    const pairs = sizes.flatMap((head) => sizes.map((tail) => [pattern(head), pattern(tail)]));
    for (const [head = bytes(), tail = bytes()] of pairs) a.send(head, tail);
    await b.received(pairs.length);
    assertEquals(
      b.messages.map((message) => message.length),
      pairs.map(([head, tail]) => (head?.length ?? 0) + (tail?.length ?? 0)),
    );
    const last = b.messages.at(-1);
    assertEquals(last, new Uint8Array([...pattern(200_000), ...pattern(200_000)]));
  });

  test("message() gets bytes that are never written again", async ({ a, b }) => {
    for (let i = 0; i < 2_000; i++) a.send(new Uint8Array(100).fill(i & 255));
    a.send(pattern(3 * MIB));
    for (let i = 0; i < 2_000; i++) a.send(new Uint8Array(100).fill(i & 255));
    await b.received(4_001);
    for (const [i, message] of b.messages.entries()) {
      const expected = i === 2_000
        ? pattern(3 * MIB)
        : new Uint8Array(100).fill((i > 2_000 ? i - 2_001 : i) & 255);
      assert(equal(message, expected), `message ${i} changed`);
    }
  });

  test("send() from within message() works", async ({ a, b }) => {
    b.onMessage = (data) => b.send(data);
    a.send("ping");
    a.send(bytes(1));
    await a.received(2);
    assertEquals(a.messages, ["ping", bytes(1)]);
  });

  Deno.test(`${name}: what is sent before the other side has started is kept`, async () => {
    await using pair = await open();
    const a = new LinkRecorder(pair.a).start();
    a.send("early");
    a.send(bytes(1), bytes(2));
    a.send(pattern(300_000));
    // Time for the transport to hand it over to an end that nobody listens to yet.
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve));
    const b = new LinkRecorder(pair.b).start();
    assertEquals(b.messages, []);
    await b.received(3);
    assertEquals(b.messages, ["early", bytes(1, 2), pattern(300_000)]);
    a.close(1000, "");
    await Promise.all([a.closedOnce, b.closedOnce]);
    assertEquals(a.faults.concat(b.faults), []);
  });
}

function flowTests(test: Test, traits: LinkTraits): void {
  test("bufferedBytes counts what was sent, and falls to 0", async ({ a, b, links }) => {
    assertEquals(links.a.bufferedBytes, 0);
    a.send(new Uint8Array(1_000));
    const buffered = links.a.bufferedBytes;
    assert(buffered >= 1_000 && buffered < 1_100, `expected about 1,000 bytes, got ${buffered}`);
    await b.received(1);
    await eventually(() => assertEquals(links.a.bufferedBytes, 0));
  });

  test("drained() comes once after the buffer was high", async ({ a, b, links }) => {
    for (let i = 0; i < 20; i++) a.send(new Uint8Array(100_000));
    assert(links.a.bufferedBytes > HIGH);
    await b.received(20);
    await eventually(() => assertEquals(a.drains, 1));
    assertEquals(b.drains, 0);
  });

  test("drained() does not come when the buffer was never high", async ({ a, b, links }) => {
    a.send(new Uint8Array(HIGH - 100));
    await b.received(1);
    await eventually(() => assertEquals(links.a.bufferedBytes, 0));
    a.send("after");
    await b.received(2);
    assertEquals(a.drains, 0);
  });

  test("pause() holds messages and resume() delivers them in order", async ({ a, b }) => {
    a.onMessage = (data) => {
      if (data === "2") a.pause();
    };
    for (let i = 0; i < 100; i++) b.send(String(i));
    await a.received(3);
    // A way around, so that everything had time to come.
    a.send("still sending");
    await b.received(1);
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve));
    assertEquals(a.messages.length, 3);
    a.resume();
    assertEquals(a.messages.length, 3);
    await a.received(100);
    assertEquals(a.messages, Array.from({ length: 100 }, (_, i) => String(i)));
  });

  test("pause() and resume() may be repeated", async ({ a, b }) => {
    a.onMessage = () => {
      a.pause();
      a.pause();
    };
    for (let i = 0; i < 10; i++) b.send(String(i));
    for (let count = 1; count <= 10; count++) {
      await a.received(count);
      assertEquals(a.messages.length, count);
      a.resume();
      a.resume();
    }
    assertEquals(a.messages, Array.from({ length: 10 }, (_, i) => String(i)));
  });

  if (!traits.pauseSlows) return;
  test("a peer that is paused slows the sender down", async ({ a, b, links }) => {
    b.pause();
    for (let i = 0; i < 32; i++) a.send(new Uint8Array(MIB));
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
    assert(links.a.bufferedBytes > 8 * MIB, `got ${links.a.bufferedBytes}`);
    assertEquals(a.drains, 0);
    b.resume();
    await b.received(32);
    await eventually(() => assertEquals([links.a.bufferedBytes, a.drains], [0, 1]));
  });
}

function closeTests(test: Test, { wireCode }: LinkTraits): void {
  for (const code of [1000, 1001, 1002, 1008, 1013, 4000, 4999]) {
    test(`close(${code}) delivers what was sent, then ends both sides`, async ({ a, b }) => {
      for (let i = 0; i < 50; i++) a.send(String(i));
      a.send(pattern(2 * MIB));
      a.close(code, "bye ✓");
      const seen = { code: wireCode(code), reason: "bye ✓" };
      assertEquals(await b.closedOnce, seen);
      assertEquals(await a.closedOnce, seen);
      assertEquals(b.messages.length, 51);
      assert(equal(b.messages[50] ?? "", pattern(2 * MIB)));
      assertEquals([a.closes.length, b.closes.length], [1, 1]);
    });
  }

  test("close() cuts a reason between characters to 123 bytes", async ({ a, b }) => {
    a.close(1000, `x${"é".repeat(100)}`);
    assertEquals((await b.closedOnce).reason, `x${"é".repeat(61)}`);
    await a.closedOnce;
  });

  test("close() ignores what is called afterwards", async ({ a, b }) => {
    a.close(1000, "first");
    a.send("never");
    a.close(4001, "second");
    assertEquals(await b.closedOnce, { code: wireCode(1000), reason: "first" });
    await a.closedOnce;
    a.send("never");
    a.close(4001, "third");
    a.pause();
    a.resume();
    a.terminate();
    await new Promise((resolve) => setTimeout(resolve));
    assertEquals(b.messages, []);
    assertEquals(a.closes.length, 1);
  });

  test("close() ends the delivery of messages to the side that closes", async ({ a, b }) => {
    a.onMessage = () => a.close(1000, "enough");
    for (let i = 0; i < 1_000; i++) b.send(String(i));
    await Promise.all([a.closedOnce, b.closedOnce]);
    assertEquals(a.messages, ["0"]);
  });

  test("close() ends a link that is paused", async ({ a, b }) => {
    a.pause();
    for (let i = 0; i < 10; i++) b.send("unread");
    a.close(1000, "");
    await Promise.all([a.closedOnce, b.closedOnce]);
    assertEquals(a.messages, []);
  });

  test("closed() of a link that is paused comes after the messages", async ({ a, b }) => {
    a.pause();
    for (let i = 0; i < 10; i++) b.send(String(i));
    b.close(1000, "done");
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve));
    assertEquals([a.messages.length, a.closes.length], [0, 0]);
    a.resume();
    assertEquals((await a.closedOnce).reason, "done");
    assertEquals(a.messages.length, 10);
    await b.closedOnce;
  });

  test("close() of both sides at once ends each of them once", async ({ a, b }) => {
    a.close(1000, "a");
    b.close(1000, "b");
    const codes = [(await a.closedOnce).code, (await b.closedOnce).code];
    assertEquals(codes, [1000, 1000]);
  });
}

function limitTests(test: Test, { wireCode }: LinkTraits): void {
  for (const kind of ["bytes", "text"] as const) {
    const sized = (size: number): Uint8Array | string => {
      return kind === "text" ? "x".repeat(size) : new Uint8Array(size);
    };
    test(`limitMessages() closes with 1009 for ${kind} above it, and not before`, async (both) => {
      const { a, b, links } = both;
      links.a.limitMessages(65_536);
      b.send(sized(65_536));
      await a.received(1);
      b.send(sized(65_537));
      b.send("never");
      assertEquals((await a.closedOnce).code, wireCode(1009));
      assertEquals((await b.closedOnce).code, wireCode(1009));
      assertEquals(a.messages.length, 1);
    });
  }

  test("limitMessages() is lifted with Infinity, and may be set again", async ({ a, b, links }) => {
    links.a.limitMessages(10);
    links.a.limitMessages(Infinity);
    b.send(pattern(MIB));
    await a.received(1);
    links.a.limitMessages(10);
    b.send(pattern(10));
    await a.received(2);
    b.send(pattern(11));
    assertEquals((await a.closedOnce).code, wireCode(1009));
    await b.closedOnce;
  });
}

function terminateTests(test: Test, { codeWhenTerminated }: LinkTraits): void {
  test("terminate() ends both sides", async ({ a, b }) => {
    a.terminate();
    assertEquals(a.closes, []);
    assertEquals((await a.closedOnce).code, 1006);
    assertEquals((await b.closedOnce).code, codeWhenTerminated);
    a.terminate();
    a.send("never");
    await new Promise((resolve) => setTimeout(resolve));
    assertEquals(b.messages, []);
    assertEquals(a.closes.length, 1);
  });

  test("terminate() from within message() ends the delivery", async ({ a, b }) => {
    a.onMessage = () => a.terminate();
    for (let i = 0; i < 1_000; i++) b.send(String(i));
    assertEquals((await a.closedOnce).code, 1006);
    await b.closedOnce;
    assertEquals(a.messages, ["0"]);
  });

  test("terminate() ends a link that is paused", async ({ a, b }) => {
    a.pause();
    b.send("unread");
    a.terminate();
    assertEquals((await a.closedOnce).code, 1006);
    await b.closedOnce;
    assertEquals(a.messages, []);
  });

  test("terminate() ends a link that is closing", async ({ a, b }) => {
    a.close(1000, "");
    a.terminate();
    const { code } = await a.closedOnce;
    assert(code === 1006 || code === 1000, String(code));
    await b.closedOnce;
  });
}

async function start(open: () => Promise<LinkPair>): Promise<Started> {
  const links = await open();
  const a = new LinkRecorder(links.a).start();
  const b = new LinkRecorder(links.b).start();
  return {
    a,
    b,
    links,
    async [Symbol.asyncDispose](): Promise<void> {
      a.close(1000, "");
      b.close(1000, "");
      await Promise.all([a.closedOnce, b.closedOnce]);
      await links[Symbol.asyncDispose]();
    },
  };
}

function bytes(...values: number[]): Uint8Array {
  return new Uint8Array(values);
}

/** Bytes whose every place can be told from its neighbours. */
function pattern(length: number): Uint8Array {
  const made = new Uint8Array(length);
  for (let i = 0; i < length; i++) made[i] = (i * 31 + (i >>> 8)) & 255;
  return made;
}

function equal(left: Uint8Array | string, right: Uint8Array): boolean {
  return typeof left !== "string" && left.length === right.length &&
    left.every((byte, i) => byte === right[i]);
}
