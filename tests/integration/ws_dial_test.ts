import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Link } from "../../src/link/link.ts";
import { LinkError } from "../../src/link/link_error.ts";
import { dialWebSocket } from "../../src/link/whatwg.ts";
import { listenWebSocket } from "../../src/link/ws_listener.ts";
import { eventually } from "../helpers/eventually.ts";
import { LinkRecorder } from "../helpers/link_recorder.ts";
import { ManualClock, settle } from "../helpers/manual_clock.ts";

/** Never aborted. */
function patience(): AbortSignal {
  return new AbortController().signal;
}

interface Connected extends AsyncDisposable {
  readonly dialled: Link;
  readonly ours: LinkRecorder;
  readonly theirs: LinkRecorder;
  readonly clock: ManualClock;
}

/** A dialled link under a manual clock, and the end that accepted it. */
async function connect(): Promise<Connected> {
  const accepted = Promise.withResolvers<Link>();
  const listener = listenWebSocket({ hostname: "127.0.0.1", port: 0, onLink: accepted.resolve });
  const clock = new ManualClock();
  const dialled = await dialWebSocket(listener.url, { signal: patience(), clock });
  const ours = new LinkRecorder(dialled).start();
  const theirs = new LinkRecorder(await accepted.promise).start();
  return {
    dialled,
    ours,
    theirs,
    clock,
    async [Symbol.asyncDispose](): Promise<void> {
      ours.close(1000, "");
      theirs.resume();
      await theirs.closedOnce;
      await listener.close();
    },
  };
}

/** The URL of a port that nobody listens on. */
function deadUrl(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return `ws://127.0.0.1:${listener.addr.port}`;
}

Deno.test("dialWebSocket() gives a link that is named after its URL", async () => {
  await using pair = await connect();
  assert(pair.dialled.remote.startsWith("ws://127.0.0.1:"));
});

Deno.test("dialWebSocket() rejects with LinkError when nobody listens", async () => {
  const url = deadUrl();
  const error = await assertRejects(() => dialWebSocket(url, { signal: patience() }), LinkError);
  assert(
    error.message.startsWith(`Cannot connect to "${url}": expected a WebSocket listener, got `),
  );
});

Deno.test("dialWebSocket() rejects with LinkError when the listener speaks no WebSocket", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("no"),
  );
  const url = `ws://127.0.0.1:${server.addr.port}`;
  await assertRejects(() => dialWebSocket(url, { signal: patience() }), LinkError);
});

Deno.test("dialWebSocket() rejects with TypeError for what is no URL of a WebSocket", async () => {
  for (const url of ["", "no url", "ftp://host", "ws://host/#fragment", "ws://"]) {
    const error = await assertRejects(
      () => dialWebSocket(url, { signal: patience() }),
      TypeError,
    );
    assert(error.message.startsWith(`Cannot connect to "${url}": `), error.message);
  }
});

Deno.test("dialWebSocket() rejects with the reason of a signal that was aborted before", async () => {
  const reason = new Error("enough");
  const error = await assertRejects(() =>
    dialWebSocket(deadUrl(), { signal: AbortSignal.abort(reason) })
  );
  assert(error === reason);
});

Deno.test("dialWebSocket() gives up a handshake under way when the signal is aborted", async () => {
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = silent.accept();
  const abort = new AbortController();
  const dialling = dialWebSocket(`ws://127.0.0.1:${silent.addr.port}`, { signal: abort.signal });
  const conn = await accepting;
  const reason = new Error("enough");
  abort.abort(reason);
  assert(await assertRejects(() => dialling) === reason);
  // The socket is given up too: the listener sees the end.
  const chunk = new Uint8Array(4_096);
  await eventually(async () => {
    assertEquals(await conn.read(chunk).catch(() => null), null);
  });
  conn.close();
  silent.close();
});

Deno.test("a signal that is aborted later does not harm an open link", async () => {
  const accepted = Promise.withResolvers<Link>();
  const listener = listenWebSocket({ hostname: "127.0.0.1", port: 0, onLink: accepted.resolve });
  const abort = new AbortController();
  const link = await dialWebSocket(listener.url, { signal: abort.signal });
  const ours = new LinkRecorder(link).start();
  const theirs = new LinkRecorder(await accepted.promise).start();
  abort.abort();
  ours.send("still here");
  await theirs.received(1);
  ours.close(1000, "");
  await Promise.all([ours.closedOnce, theirs.closedOnce]);
  await listener.close();
});

Deno.test("drained() is found out by looking at the buffer, and only while it is high", async () => {
  await using pair = await connect();
  const { dialled, ours, theirs, clock } = pair;
  ours.send(new Uint8Array(60_000));
  assertEquals(clock.pending, 0);
  theirs.pause();
  for (let i = 0; i < 20; i++) ours.send(new Uint8Array(1_000_000));
  await clock.advance(1_000);
  assertEquals([ours.drains, clock.pending], [0, 1]);
  theirs.resume();
  await eventually(() => assertEquals(dialled.bufferedBytes, 0));
  await clock.advance(10);
  assertEquals([ours.drains, clock.pending], [1, 0]);
});

Deno.test("close() ends after 5 s when the peer does not answer", async () => {
  await using pair = await connect();
  const { ours, theirs, clock } = pair;
  theirs.pause();
  await settle();
  ours.close(1000, "");
  await clock.advance(4_999);
  assertEquals(ours.closes, []);
  await clock.advance(1);
  assertEquals(ours.closes.map(({ code }) => code), [1006]);
  assertEquals(clock.pending, 0);
});

Deno.test("a peer that vanishes is 1006, whatever the platform says", async () => {
  await using pair = await connect();
  pair.theirs.terminate();
  assertEquals((await pair.ours.closedOnce).code, 1006);
});

Deno.test("a link that holds more than 120 MiB closes with 1013", async () => {
  await using pair = await connect();
  const { ours, theirs } = pair;
  ours.pause();
  const message = new Uint8Array(60 * 1024 * 1024);
  theirs.send(message);
  theirs.send(message);
  theirs.send("one too much");
  assertEquals((await theirs.closedOnce).code, 4013);
  await ours.closedOnce;
  assertEquals(ours.messages, []);
});

Deno.test("a link that holds 120 MiB lives on", async () => {
  await using pair = await connect();
  const { ours, theirs } = pair;
  ours.pause();
  const message = new Uint8Array(60 * 1024 * 1024);
  theirs.send(message);
  theirs.send(message);
  theirs.close(1000, "");
  await theirs.closedOnce;
  assertEquals(ours.closes, []);
  ours.resume();
  assertEquals((await ours.closedOnce).code, 1000);
  assertEquals(ours.messages.length, 2);
});
