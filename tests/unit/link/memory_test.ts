import { assert, assertEquals } from "@std/assert";
import { memoryPair } from "../../../src/link/memory.ts";
import { LinkRecorder } from "../../helpers/link_recorder.ts";
import { settle } from "../../helpers/manual_clock.ts";

function pair(): [LinkRecorder, LinkRecorder, ReturnType<typeof memoryPair>] {
  const links = memoryPair();
  return [new LinkRecorder(links[0]).start(), new LinkRecorder(links[1]).start(), links];
}

Deno.test("memoryPair() calls both ends what it is told", () => {
  assertEquals(memoryPair().map((link) => link.remote), ["memory", "memory"]);
  const named = memoryPair({ remotes: ["to b", "to a"] });
  assertEquals(named.map((link) => link.remote), ["to b", "to a"]);
});

Deno.test("send() hands bytes over as they are when there is no tail", async () => {
  const [a, b] = pair();
  const bytes = new Uint8Array([1, 2, 3]);
  a.send(bytes);
  await settle();
  assert(b.messages[0] === bytes);
});

Deno.test("send() of one turn is delivered in the next microtask, all of it", async () => {
  const [a, b] = pair();
  for (let i = 0; i < 100; i++) a.send(String(i));
  assertEquals(b.messages.length, 0);
  await Promise.resolve();
  assertEquals(b.messages.length, 100);
});

Deno.test("drained() comes above 64 KiB and not at 64 KiB", async () => {
  const [a] = pair();
  a.send(new Uint8Array(65_536));
  await settle();
  assertEquals(a.drains, 0);
  a.send(new Uint8Array(65_537));
  await settle();
  assertEquals(a.drains, 1);
});

Deno.test("close() tells the peer first, so that its side is done when ours is", async () => {
  const [a, b] = pair();
  a.send("last");
  a.close(1000, "");
  await a.closedOnce;
  assertEquals([b.messages, b.closes.length], [["last"], 1]);
});

Deno.test("close() does not wait for a peer that is paused", async () => {
  const [a, b] = pair();
  b.pause();
  a.send("kept");
  a.close(1000, "");
  await settle();
  assertEquals([a.closes.length, b.closes.length], [1, 0]);
  b.resume();
  await settle();
  assertEquals([b.messages, b.closes.length], [["kept"], 1]);
});

Deno.test("terminate() loses what is on its way, to a paused or closed side too", async () => {
  const [a, b] = pair();
  b.pause();
  a.send("lost");
  a.close(1000, "");
  a.terminate();
  await settle();
  assertEquals([b.messages, b.closes], [[], [{ code: 1006, reason: "" }]]);
  assertEquals(a.closes.map(({ code }) => code), [1000]);
});

Deno.test("terminate() ends a side that starts only afterwards", async () => {
  const [first, second] = memoryPair();
  const a = new LinkRecorder(first).start();
  a.send("lost");
  a.terminate();
  const b = new LinkRecorder(second).start();
  b.send("nowhere");
  await settle();
  assertEquals([b.messages, b.closes.length, b.faults], [[], 1, []]);
});

Deno.test("a close takes what was sent to the closing side out of the buffer of the sender", async () => {
  const [a, b, links] = pair();
  b.pause();
  a.send(new Uint8Array(1_000));
  assertEquals(links[0].bufferedBytes, 1_000);
  b.close(1000, "");
  assertEquals(links[0].bufferedBytes, 0);
  await settle();
  assertEquals(b.messages, []);
  assertEquals(a.closes.length, 1);
});

Deno.test("what a handler sends to itself does not keep others from their turn", async () => {
  const [a, b] = pair();
  let isStopped = false;
  a.onMessage = () => {
    if (!isStopped) b.send("again");
  };
  b.send("go");
  await Promise.resolve();
  isStopped = true;
  await settle();
  assert(a.messages.length < 5, String(a.messages.length));
});

Deno.test("a long burst is delivered in turns, between which others get theirs", async () => {
  const [one, other] = memoryPair();
  const seen: string[] = [];
  other.start({
    message: (data) => void seen.push(String(data)),
    drained: () => {},
    closed: () => {},
  });
  one.start({ message: () => {}, drained: () => {}, closed: () => {} });
  for (let n = 0; n < 200; n++) one.send(String(n));
  await Promise.resolve();
  const first = seen.length;
  await settle();
  assertEquals([first, seen.length, seen.at(-1)], [128, 200, "199"]);
  one.terminate();
  await settle();
});
