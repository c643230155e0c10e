import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { KeyedCertificate } from "../../src/host/certificates.ts";
import type { Link } from "../../src/link/link.ts";
import { LinkError } from "../../src/link/link_error.ts";
import { tlsContext, TlsStream } from "../../src/link/tls_stream.ts";
import { dialTcpWebSocket } from "../../src/link/ws_dialler.ts";
import { listenWebSocket, type WsListenerOptions } from "../../src/link/ws_listener.ts";
import { expiredLeaf, testAuthority, testKeystore, testLeaf } from "../helpers/certificates.ts";
import { eventually } from "../helpers/eventually.ts";
import { LinkRecorder } from "../helpers/link_recorder.ts";
import { recordingLogger } from "../helpers/log_entries.ts";
import { ManualClock } from "../helpers/manual_clock.ts";
import { RawSocket } from "../helpers/raw_socket.ts";
import { utf8 } from "../helpers/ws_frame.ts";

const CA = await testAuthority("Plant CA");
const OTHER_CA = await testAuthority("Other CA");

interface Server extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly owners: LinkRecorder[];
  /** Replaces the files. */
  renew(pair: KeyedCertificate): Promise<void>;
  reload(): Promise<void>;
  /** Connects with a component that trusts this authority. */
  dial(trusted?: KeyedCertificate, host?: string): Promise<LinkRecorder>;
}

async function serve(
  pair: KeyedCertificate,
  options: Partial<WsListenerOptions> = {},
): Promise<Server> {
  const store = await testKeystore(pair);
  const owners: LinkRecorder[] = [];
  const dialled: LinkRecorder[] = [];
  const listener = listenWebSocket({
    hostname: "127.0.0.1",
    port: 0,
    onLink: (link: Link) => void owners.push(new LinkRecorder(link).start()),
    tls: await store.open(),
    ...options,
  });
  const port = listener.port ?? 0;
  return {
    url: listener.url,
    port,
    owners,
    renew: store.write,
    reload: () => listener.reload(),
    async dial(trusted, host = "127.0.0.1") {
      const link = await dialTcpWebSocket(`wss://${host}:${port}/meter`, {
        signal: AbortSignal.timeout(10_000),
        caCerts: () => Promise.resolve(trusted === undefined ? [] : [trusted.certificate]),
      });
      const recorder = new LinkRecorder(link).start();
      dialled.push(recorder);
      return recorder;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      for (const one of dialled) one.close(1000, "");
      await Promise.all(dialled.map((one) => one.closedOnce));
      for (const one of owners) one.terminate();
      await Promise.all(owners.map((one) => one.closedOnce));
      await listener.close();
      await store[Symbol.asyncDispose]();
    },
  };
}

/** What a component that cannot connect is told. */
async function problem(server: Server, trusted?: KeyedCertificate, host?: string): Promise<string> {
  const { message } = await assertRejects(() => server.dial(trusted, host), LinkError);
  assert(message.startsWith(`Cannot connect to "wss://${host ?? "127.0.0.1"}:`), message);
  return message;
}

Deno.test("wss: connects by host name and by address, and messages go both ways", async () => {
  await using server = await serve(await testLeaf(CA));
  assertEquals(server.url, `wss://127.0.0.1:${server.port}`);
  for (const host of ["localhost", "127.0.0.1"]) {
    const link = await server.dial(CA, host);
    await eventually(() => assert(server.owners.length > 0));
    const owner = server.owners.pop();
    link.send("up");
    owner?.send(new Uint8Array(300_000));
    await Promise.all([owner?.received(1), link.received(1)]);
    link.close(1000, "done");
    assertEquals((await owner?.closedOnce)?.reason, "done");
  }
});

Deno.test("wss: connects to an IPv6 address of the certificate", async () => {
  await using server = await serve(await testLeaf(CA), { hostname: "::1" });
  await server.dial(CA, "[::1]");
});

Deno.test("wss: refuses an authority that is not trusted, and names HTTP_CA_BUNDLE", async () => {
  await using server = await serve(await testLeaf(CA));
  assertStringIncludes(await problem(server), "HTTP_CA_BUNDLE");
  assertStringIncludes(await problem(server, OTHER_CA), "HTTP_CA_BUNDLE");
  assertEquals(server.owners.length, 0);
});

Deno.test("wss: refuses a certificate for another name or address", async () => {
  await using named = await serve(await testLeaf(CA, ["box.example"]));
  assertStringIncludes(await problem(named, CA, "localhost"), 'not for "localhost"');
  assertStringIncludes(await problem(named, CA), 'not for "127.0.0.1"');
  await using addressed = await serve(await testLeaf(CA, ["127.0.0.1"]));
  await addressed.dial(CA);
  assertStringIncludes(await problem(addressed, CA, "localhost"), 'not for "localhost"');
});

Deno.test("wss: refuses an expired certificate, and says so", async () => {
  const { authority, leaf } = await expiredLeaf();
  await using server = await serve(leaf);
  assertStringIncludes(await problem(server, authority), "expired");
});

Deno.test("wss: explains an authority that is used as a server's certificate", async () => {
  await using server = await serve(CA);
  assertStringIncludes(await problem(server, CA), "rembus keystore init");
});

Deno.test("wss: says that a listener has no TLS", async () => {
  const listener = listenWebSocket({ hostname: "127.0.0.1", port: 0, onLink: () => {} });
  const url = listener.url.replace("ws:", "wss:");
  const signal = AbortSignal.timeout(10_000);
  const { message } = await assertRejects(() => dialTcpWebSocket(url, { signal }), LinkError);
  assertStringIncludes(message, "no TLS");
  await listener.close();
});

Deno.test("wss: says what is wrong with the CA bundle", async () => {
  const caCerts = () => Promise.reject(new Error("CA bundle not found: expected one file"));
  const signal = AbortSignal.timeout(10_000);
  await assertRejects(
    () => dialTcpWebSocket("wss://127.0.0.1:1", { signal, caCerts }),
    LinkError,
    "CA bundle not found",
  );
});

Deno.test("wss: gives up a handshake under way when the signal is aborted", async () => {
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = silent.accept();
  const abort = new AbortController();
  const dialling = dialTcpWebSocket(`wss://127.0.0.1:${silent.addr.port}`, {
    signal: abort.signal,
  });
  using conn = await accepting;
  await conn.read(new Uint8Array(1_024));
  const reason = new Error("enough");
  abort.abort(reason);
  assert(await assertRejects(() => dialling) === reason);
});

Deno.test("wss: frees the connection of a handshake that is given up, however often", async () => {
  const DIALS = 20;
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `wss://127.0.0.1:${silent.addr.port}`;
  const held: Deno.TcpConn[] = [];
  for (let i = 0; i < DIALS; i++) {
    const abort = new AbortController();
    const dialling = dialTcpWebSocket(url, { signal: abort.signal, caCerts: trusting(CA) });
    const conn = await silent.accept();
    held.push(conn);
    await conn.read(new Uint8Array(4_096));
    if (HAS_PROC) assertEquals(await descriptorsTo(silent.addr.port), 1);
    abort.abort(new Error("enough"));
    await assertRejects(() => dialling, Error, "enough");
    // The server has not gone, and sees that the component has.
    assertEquals(await conn.read(new Uint8Array(1)), null);
  }
  if (HAS_PROC) assertEquals(await descriptorsTo(silent.addr.port), 0);
  for (const conn of held) conn.close();
});

Deno.test("wss: gives up an upgrade that a server does not answer when the signal is aborted", async () => {
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const abort = new AbortController();
  const url = `wss://localhost:${silent.addr.port}`;
  const dialling = dialTcpWebSocket(url, { signal: abort.signal, caCerts: trusting(CA) });
  const server = new TlsStream(await silent.accept(), tlsContext(await testLeaf(CA)));
  assert((await server.read(new Uint8Array(4_096)) ?? 0) > 0);
  abort.abort(new Error("enough"));
  await assertRejects(() => dialling, Error, "enough");
  assertEquals(await server.read(new Uint8Array(1)), null);
  server.close();
});

Deno.test("wss: refuses a server however often it is dialled, and whoever was trusted before", async () => {
  await using server = await serve(await testLeaf(CA));
  for (let i = 0; i < 3; i++) await problem(server, OTHER_CA, "localhost");
  for (let i = 0; i < 2; i++) await server.dial(CA, "localhost");
  for (let i = 0; i < 3; i++) await problem(server, OTHER_CA, "localhost");
});

Deno.test("wss: trusts what the runtime does besides caCerts, and no variable turns the check off", async () => {
  await using trusted = await serve(await testLeaf(CA));
  await using other = await serve(await testLeaf(await testAuthority("Third CA")));
  const directory = await Deno.makeTempDir({ prefix: "rembus-ca-" });
  await Deno.writeTextFile(`${directory}/ca.pem`, CA.certificate);
  const code = `
    import { dialTcpWebSocket } from "${import.meta.resolve("../../src/link/ws_dialler.ts")}";
    const caCerts = () => Promise.resolve([${JSON.stringify(OTHER_CA.certificate)}]);
    for (const port of [${trusted.port}, ${other.port}]) {
      const signal = AbortSignal.timeout(10_000);
      const dialling = dialTcpWebSocket("wss://127.0.0.1:" + port, { signal, caCerts });
      console.log(await dialling.then(() => "connected", (error) => error.message));
    }
    Deno.exit(0);`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--ext=ts", code],
    env: { DENO_CERT: `${directory}/ca.pem`, NODE_TLS_REJECT_UNAUTHORIZED: "0" },
  }).output();
  await Deno.remove(directory, { recursive: true });
  const [first, second] = new TextDecoder().decode(stdout).split("\n");
  assertEquals(first, "connected", new TextDecoder().decode(stderr));
  assertStringIncludes(second ?? "", "HTTP_CA_BUNDLE");
});

Deno.test("wss: tells a server its host name, no address, and no protocols", async () => {
  const SERVER_NAME = 0;
  const ALPN = 16;
  for (const [host, names] of [["localhost", "localhost"], ["127.0.0.1", null]] as const) {
    const extensions = extensionsOf(await helloTo(host));
    const name = extensions.get(SERVER_NAME);
    // Behind lengths and the type of the name.
    assertEquals(name === undefined ? null : new TextDecoder().decode(name.subarray(5)), names);
    assert(!extensions.has(ALPN));
  }
});

Deno.test("a renewed certificate is used by the next handshake, and links live on", async () => {
  const clock = new ManualClock();
  await using server = await serve(await testLeaf(CA), { clock });
  const before = await server.dial(CA);
  await server.renew(await testLeaf(OTHER_CA));
  // Files are looked at between timers; they are read a look after they changed.
  await eventually(async () => {
    await clock.advance(1_000);
    await server.dial(OTHER_CA);
  });
  await problem(server, CA);
  await eventually(() => assert(server.owners.length >= 2));
  before.send("still here");
  await server.owners[0]?.received(1);
});

Deno.test("reload() takes renewed files at once", async () => {
  await using server = await serve(await testLeaf(CA));
  await server.renew(await testLeaf(OTHER_CA));
  await server.reload();
  await server.dial(OTHER_CA);
});

Deno.test("a bad pair keeps the one before, and is reported with file and reason", async () => {
  const clock = new ManualClock();
  const { logger, events } = recordingLogger();
  await using server = await serve(await testLeaf(CA), { clock, logger });
  const [one, other] = await Promise.all([testLeaf(CA), testLeaf(CA)]);
  await server.renew({ certificate: one.certificate, key: other.key });
  await eventually(async () => {
    await clock.advance(1_000);
    assert(events.some(({ event }) => event === "certificate not renewed"));
  });
  const [reported] = events.filter(({ event }) => event === "certificate not renewed");
  assertStringIncludes(String(reported?.fields.reason), 'rembus.key": expected the one of');
  await server.dial(CA);
  await assertRejects(() => server.reload(), Error, "rembus.key");
  await server.renew({ certificate: "no certificate", key: one.key });
  await assertRejects(() => server.reload(), Error, 'rembus.crt": expected a certificate in PEM');
  await server.dial(CA);
});

Deno.test("a plain HTTP client on the TLS port is closed without an answer of HTTP", async () => {
  await using server = await serve(await testLeaf(CA));
  using socket = await RawSocket.connect(server.port);
  await socket.send(utf8("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  assert(!(await socket.text()).includes("HTTP/"));
  await server.dial(CA);
});

Deno.test("a peer that is slow with its handshake is cut after 5 s", async () => {
  const clock = new ManualClock();
  const { logger, events } = recordingLogger();
  await using server = await serve(await testLeaf(CA), { clock, logger });
  using silent = await RawSocket.connect(server.port);
  using halfway = await RawSocket.connect(server.port);
  await halfway.send(new Uint8Array([0x16, 3, 1, 2, 0, 1, 0]));
  // Both have begun when the next one is through.
  await server.dial(CA);
  await clock.advance(4_999);
  assertEquals(events.filter(({ event }) => event === "upgrade failed").length, 0);
  await clock.advance(1);
  assertEquals([await silent.text(), await halfway.text()], ["", ""]);
  await server.dial(CA);
});

Deno.test("terminate() frees the connection of a peer that takes nothing", async () => {
  await using server = await serve(await testLeaf(CA));
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  using tls = await Deno.startTls(conn, { hostname: "localhost", caCerts: [CA.certificate] });
  await tls.write(utf8(
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  ));
  await eventually(() => assertEquals(server.owners.length, 1));
  const [owner] = server.owners;
  for (let i = 0; i < 64; i++) owner?.send(new Uint8Array(1_000_000));
  owner?.terminate();
  await owner?.closedOnce;
  // What was on its way comes, then the end: not the silence of a socket that nobody closed.
  const into = new Uint8Array(256 * 1_024);
  let total = 0;
  for (let count: number | null = 0; count !== null; total += count ?? 0) {
    count = await tls.read(into).catch(() => null);
  }
  assert(total < 64_000_000);
});

Deno.test("small messages leave at once over TLS as without it", async () => {
  const medians: number[] = [];
  const pair = await testLeaf(CA);
  for (const secure of [false, true]) {
    await using server = await serve(pair, secure ? {} : { tls: null });
    const link = secure ? await server.dial(CA) : await plain(server.port);
    await eventually(() => assertEquals(server.owners.length, 1));
    const times: number[] = [];
    for (let i = 1; i <= 50; i++) {
      const { promise, resolve } = Promise.withResolvers<void>();
      link.onMessage = () => resolve();
      const from = performance.now();
      server.owners[0]?.send("first");
      await promise;
      const next = Promise.withResolvers<void>();
      link.onMessage = () => next.resolve();
      server.owners[0]?.send("second");
      await next.promise;
      times.push(performance.now() - from);
    }
    medians.push(times.sort((a, b) => a - b)[25] ?? 0);
    link.close(1000, "");
    await link.closedOnce;
  }
  const [without = 0, over = 0] = medians;
  // Held back until the peer acknowledges, the second would take 40 ms: hundreds of times as long.
  assert(over < Math.max(20, without * 20), `${over} ms over TLS, ${without} ms without`);
});

async function plain(port: number): Promise<LinkRecorder> {
  const signal = AbortSignal.timeout(10_000);
  return new LinkRecorder(await dialTcpWebSocket(`ws://127.0.0.1:${port}`, { signal })).start();
}

function trusting(authority: KeyedCertificate): () => Promise<readonly string[]> {
  return () => Promise.resolve([authority.certificate]);
}

/** Whether the operating system tells which connections somebody still holds. */
const HAS_PROC = Deno.build.os === "linux";

/** How many descriptors of connections to a port of this machine are open: other tests have others meanwhile. */
async function descriptorsTo(port: number): Promise<number> {
  const [, ...rows] = (await Deno.readTextFile("/proc/self/net/tcp")).trim().split("\n");
  return rows.map((row) => row.trim().split(/\s+/)).filter((fields) => {
    // proc(5): the peer, and the inode, which is 0 once nobody holds the socket.
    const [, , peer = "", , , , , , , inode] = fields;
    return Number.parseInt(peer.slice(peer.indexOf(":") + 1), 16) === port && inode !== "0";
  }).length;
}

/** What a component says first, in one record, to a server that answers nothing. */
async function helloTo(host: string): Promise<Uint8Array> {
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const abort = new AbortController();
  const dialling = dialTcpWebSocket(`wss://${host}:${silent.addr.port}`, { signal: abort.signal });
  using conn = await silent.accept();
  const hello = new Uint8Array(16_384);
  let length = 0;
  while (length < 5 || length < 5 + new DataView(hello.buffer).getUint16(3)) {
    length += await conn.read(hello.subarray(length)) ?? 0;
  }
  abort.abort(new Error("enough"));
  await assertRejects(() => dialling, Error, "enough");
  return hello.subarray(0, length);
}

/** The extensions of a ClientHello (RFC 8446 4.1.2) in one record: type -> content. */
function extensionsOf(hello: Uint8Array): Map<number, Uint8Array> {
  const view = new DataView(hello.buffer, hello.byteOffset, hello.length);
  // Behind the heads of record and message, version and random: session, cipher suites, compression.
  let at = 5 + 4 + 2 + 32;
  at += 1 + view.getUint8(at);
  at += 2 + view.getUint16(at);
  at += 1 + view.getUint8(at);
  const extensions = new Map<number, Uint8Array>();
  for (at += 2; at < hello.length; at += 4 + view.getUint16(at + 2)) {
    extensions.set(view.getUint16(at), hello.subarray(at + 4, at + 4 + view.getUint16(at + 2)));
  }
  return extensions;
}
