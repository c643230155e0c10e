import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { setImmediate } from "node:timers";
import type { Link } from "../../src/link/link.ts";
import { LinkError } from "../../src/link/link_error.ts";
import { dialTcpWebSocket, type TcpDialOptions } from "../../src/link/ws_dialler.ts";
import { listenWebSocket } from "../../src/link/ws_listener.ts";
import { acceptKey } from "../../src/link/ws_upgrade.ts";
import { eventually } from "../helpers/eventually.ts";
import { LinkRecorder } from "../helpers/link_recorder.ts";
import { frame, joined, utf8 } from "../helpers/ws_frame.ts";

/** Never aborted. */
function patience(): AbortSignal {
  return new AbortController().signal;
}

/** A listener that answers one request with what a test says, and what it was asked. */
interface Answering extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** The request, up to its empty line. */
  readonly request: Promise<string>;
  /** Everything that came behind it, up to the end. */
  readonly rest: Promise<Uint8Array>;
}

/** Answers; `end` says whether the connection then ends. */
function answering(
  answer: (key: string) => Promise<Uint8Array> | Uint8Array,
  { end }: { readonly end: boolean } = { end: false },
): Answering {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const request = Promise.withResolvers<string>();
  const serving = (async () => {
    using conn = await listener.accept();
    const chunk = new Uint8Array(65_536);
    let text = "";
    while (!text.includes("\r\n\r\n")) {
      const count = await conn.read(chunk);
      if (count === null) break;
      text += new TextDecoder().decode(chunk.subarray(0, count));
    }
    request.resolve(text);
    const bytes = await answer(/Sec-WebSocket-Key: (\S+)/.exec(text)?.[1] ?? "");
    const pieces: Uint8Array[] = [];
    try {
      for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
      if (end) await conn.closeWrite();
      for (let count = await conn.read(chunk); count !== null; count = await conn.read(chunk)) {
        pieces.push(chunk.slice(0, count));
      }
    } catch {
      // A dialler that does not like the answer may reset the connection.
    }
    return joined(pieces);
  })();
  const { port } = listener.addr;
  return {
    url: `ws://127.0.0.1:${port}/some/path?query=1`,
    port,
    request: request.promise,
    rest: serving,
    async [Symbol.asyncDispose](): Promise<void> {
      await serving;
      listener.close();
    },
  };
}

/** An answer that upgrades, with header lines besides, and bytes behind it. */
function upgraded(
  lines: readonly string[] = [],
  behind: Uint8Array = new Uint8Array(0),
): (key: string) => Promise<Uint8Array> {
  return async (key) => {
    const head = [
      "HTTP/1.1 101 Switching Protocols",
      "Upgrade: websocket",
      "Connection: Upgrade",
      `Sec-WebSocket-Accept: ${await acceptKey(key)}`,
      ...lines,
      "",
      "",
    ];
    return joined([utf8(head.join("\r\n")), behind]);
  };
}

async function refusal(server: Answering): Promise<LinkError> {
  const error = await assertRejects(
    () => dialTcpWebSocket(server.url, { signal: AbortSignal.timeout(10_000) }),
    LinkError,
  );
  assert(error.message.startsWith(`Cannot connect to "${server.url}": expected `), error.message);
  return error;
}

interface Connected extends AsyncDisposable {
  readonly url: string;
  readonly link: Link;
  readonly ours: LinkRecorder;
  readonly theirs: LinkRecorder;
}

/** A dialled link, and the end of our listener that accepted it. */
async function connect(
  options: TcpDialOptions = { signal: patience() },
  { listen = "127.0.0.1", dial = listen }: { readonly listen?: string; readonly dial?: string } =
    {},
): Promise<Connected> {
  const accepted = Promise.withResolvers<Link>();
  const listener = listenWebSocket({ hostname: listen, port: 0, onLink: accepted.resolve });
  const url = `ws://${dial}:${listener.port}`;
  const link = await dialTcpWebSocket(url, options);
  const ours = new LinkRecorder(link).start();
  const theirs = new LinkRecorder(await accepted.promise).start();
  return {
    url,
    link,
    ours,
    theirs,
    async [Symbol.asyncDispose](): Promise<void> {
      ours.close(1000, "");
      theirs.resume();
      await Promise.all([ours.closedOnce, theirs.closedOnce]);
      await listener.close();
    },
  };
}

Deno.test("dialTcpWebSocket() gives a link that is named after its URL", async () => {
  await using pair = await connect();
  assertEquals(pair.link.remote, pair.url);
});

Deno.test("dialTcpWebSocket() finds a listener of one address behind a name that has several", async () => {
  await using pair = await connect({ signal: patience() }, { dial: "localhost" });
  pair.ours.send("hello");
  await pair.theirs.received(1);
});

Deno.test("dialTcpWebSocket() asks for the path and host of the URL, and for nothing else", async () => {
  await using server = answering(
    upgraded([], frame({ opcode: 1, payload: utf8("hi"), key: null })),
  );
  const owner = new LinkRecorder(await dialTcpWebSocket(server.url, { signal: patience() }));
  const request = await server.request;
  assert(request.startsWith("GET /some/path?query=1 HTTP/1.1\r\n"), request);
  assertStringIncludes(request, `\r\nHost: 127.0.0.1:${server.port}\r\n`);
  assert(!/extensions|protocol:|origin|cookie/i.test(request), request);
  // What came behind the answer is the first message.
  owner.start();
  await owner.received(1);
  assertEquals(owner.messages, ["hi"]);
  owner.terminate();
  await owner.closedOnce;
});

Deno.test("dialTcpWebSocket() rejects with LinkError when nobody listens", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `ws://127.0.0.1:${listener.addr.port}`;
  listener.close();
  const error = await assertRejects(() => dialTcpWebSocket(url, { signal: patience() }), LinkError);
  assert(
    error.message.startsWith(`Cannot connect to "${url}": expected a WebSocket listener, got `),
    error.message,
  );
  assertEquals(error.status, null);
});

Deno.test("dialTcpWebSocket() rejects with the status of an answer that is no upgrade", async () => {
  await using server = answering(() => utf8("HTTP/1.1 503 Busy now\r\nA: b\r\n\r\nlong text"));
  const error = await refusal(server);
  assertEquals(error.status, 503);
  assert(error.message.endsWith("expected status 101, got 503 Busy now"), error.message);
});

Deno.test("dialTcpWebSocket() does not follow a redirect", async () => {
  await using server = answering((_key) =>
    utf8("HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
  );
  assertEquals((await refusal(server)).status, 302);
});

Deno.test("dialTcpWebSocket() rejects when the built-in HTTP server does not upgrade", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response("no"),
  );
  const url = `ws://127.0.0.1:${server.addr.port}`;
  const error = await assertRejects(() => dialTcpWebSocket(url, { signal: patience() }), LinkError);
  assertEquals(error.status, 200);
});

Deno.test("dialTcpWebSocket() rejects an answer to another key, and offers that it did not make", async () => {
  await using wrong = answering(() => upgraded()("dGhlIHNhbXBsZSBub25jZQ=="));
  assertStringIncludes((await refusal(wrong)).message, "Sec-WebSocket-Accept");
  await using offers = answering(upgraded(["Sec-WebSocket-Extensions: permessage-deflate"]));
  assertStringIncludes((await refusal(offers)).message, "Sec-WebSocket-Extensions");
});

Deno.test("dialTcpWebSocket() rejects other protocols, ends, and heads without end", async () => {
  // Not even a whole line comes.
  await using other = answering(() => utf8("SSH-2.0"));
  assertStringIncludes((await refusal(other)).message, "other bytes than an HTTP answer");
  await using ended = answering(() => utf8("HTTP/1.1 101 Sw"), { end: true });
  assertStringIncludes((await refusal(ended)).message, "the end of the connection");
  await using endless = answering(() => utf8(`HTTP/1.1 101 ${"x".repeat(100_000)}`));
  assertStringIncludes((await refusal(endless)).message, "an answer of more than 65536 bytes");
});

Deno.test("dialTcpWebSocket() rejects with TypeError for what is no ws: or wss: URL, and hides passwords", async () => {
  const urls = [
    "",
    "no url",
    "ftp://host",
    "wss://host/#fragment",
    "ws://host/#fragment",
    "ws://host#",
    "ws://",
  ];
  for (const url of urls) {
    const error = await assertRejects(
      () => dialTcpWebSocket(url, { signal: patience() }),
      TypeError,
    );
    assert(error.message.startsWith(`Cannot connect to "${url}": `), error.message);
  }
  const error = await assertRejects(
    () => dialTcpWebSocket("ws://me:secret@host", { signal: patience() }),
    TypeError,
  );
  assert(!error.message.includes("secret"), error.message);
});

Deno.test("dialTcpWebSocket() rejects with the reason of a signal that was aborted before", async () => {
  const reason = new Error("enough");
  const error = await assertRejects(() =>
    dialTcpWebSocket("ws://127.0.0.1:1", { signal: AbortSignal.abort(reason) })
  );
  assert(error === reason);
});

Deno.test("dialTcpWebSocket() gives up an upgrade under way when the signal is aborted", async () => {
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = silent.accept();
  const abort = new AbortController();
  const dialling = dialTcpWebSocket(`ws://127.0.0.1:${silent.addr.port}`, {
    signal: abort.signal,
  });
  const conn = await accepting;
  const reason = new Error("enough");
  abort.abort(reason);
  assert(await assertRejects(() => dialling) === reason);
  // The connection is given up too: the listener sees the end.
  const chunk = new Uint8Array(4_096);
  await eventually(async () => {
    assertEquals(await conn.read(chunk).catch(() => null), null);
  });
  conn.close();
  silent.close();
});

Deno.test("a signal that is aborted later does not harm a link of our dialler", async () => {
  const abort = new AbortController();
  await using pair = await connect({ signal: abort.signal });
  abort.abort();
  pair.ours.send("still here");
  await pair.theirs.received(1);
});

Deno.test("a dialled link answers a server that breaks the rules with 1002, as a client", async () => {
  await using server = answering(upgraded([], frame({ opcode: 1, payload: utf8("masked") })), {
    end: true,
  });
  const owner = new LinkRecorder(await dialTcpWebSocket(server.url, { signal: patience() }));
  owner.start();
  assertEquals((await owner.closedOnce).code, 1002);
  assertEquals(owner.messages, []);
  const [first = 0, second = 0] = await server.rest;
  // A close frame, masked.
  assertEquals([first, second & 0x80], [0x88, 0x80]);
});

Deno.test("messageBytesMax limits what comes over a dialled link: one past it closes with 1009", async () => {
  await using pair = await connect({ signal: patience(), messageBytesMax: 1_000 });
  const { ours, theirs } = pair;
  theirs.send(new Uint8Array(1_000));
  await ours.received(1);
  theirs.send(new Uint8Array(1_001));
  assertEquals((await ours.closedOnce).code, 1009);
  assertEquals((await theirs.closedOnce).code, 1009);
});

Deno.test("a message of 60 MiB leaves a dialled link, and its bytes stay as they were", async () => {
  await using pair = await connect();
  const { ours, theirs } = pair;
  const message = new Uint8Array(60 * 1024 * 1024).fill(7);
  ours.send(message);
  await theirs.received(1);
  const [got = ""] = theirs.messages;
  assertEquals(got.length, message.length);
  assert(typeof got !== "string" && got.every((byte) => byte === 7));
  assert(message.every((byte) => byte === 7));
});

/** A delay that no wait for an acknowledgement has made: that takes 40 ms. */
const STALL_MS = 25;
const ROUNDS_MAX = 10;

/** Sends 50 small messages over a new connection, one per turn; gives the longest delay, in milliseconds. */
async function longestDelay(): Promise<number> {
  await using pair = await connect();
  const { ours, theirs } = pair;
  const sentMs: number[] = [];
  const cameMs: number[] = [];
  theirs.onMessage = () => cameMs.push(performance.now());
  for (let i = 0; i < 50; i++) {
    sentMs.push(performance.now());
    ours.send(new Uint8Array([i]));
    for (let turn = 0; turn < 2; turn++) await new Promise<void>((next) => setImmediate(next));
  }
  await theirs.received(50);
  assertEquals(theirs.messages, Array.from({ length: 50 }, (_, i) => new Uint8Array([i])));
  return Math.max(...cameMs.map((ms, i) => ms - (sentMs[i] ?? 0)));
}

// Goal: small messages of different turns do not wait for the acknowledgement of the one before (Nagle's
// algorithm, and 40 ms for an acknowledgement that is delayed). Method: with the algorithm there is such a wait
// on every new connection. Without it a busy machine delays a message on some of ten, but not on all.
Deno.test("small messages, one per turn, leave a dialled link without stalls", async () => {
  const delays: number[] = [];
  do delays.push(await longestDelay()); while (
    delays.length < ROUNDS_MAX && Math.min(...delays) > STALL_MS
  );
  assert(Math.min(...delays) <= STALL_MS, `longest delays in ms: ${delays.join(" ")}`);
});
