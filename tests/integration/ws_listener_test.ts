import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import type { Link } from "../../src/link/link.ts";
import { listenWebSocket, type WsListenerOptions } from "../../src/link/ws_listener.ts";
import { eventually } from "../helpers/eventually.ts";
import { LinkRecorder } from "../helpers/link_recorder.ts";
import { ManualClock, settle } from "../helpers/manual_clock.ts";
import { RawSocket, upgradeRequest } from "../helpers/raw_socket.ts";
import { binaryFrame, closeFrame, closeOf, frame, textFrame } from "../helpers/ws_frame.ts";

const MIB = 1024 * 1024;

/** A listener whose links are all started and written down. Ends them, and its sockets, when disposed of. */
interface Server extends AsyncDisposable {
  readonly port: number;
  readonly owners: LinkRecorder[];
  readonly links: Link[];
  /** Connects a raw socket, and gives the link that it made. */
  accept(): Promise<{ readonly socket: RawSocket; readonly owner: LinkRecorder }>;
}

function listen(options: Partial<WsListenerOptions> = {}): Server {
  const owners: LinkRecorder[] = [];
  const links: Link[] = [];
  const sockets: RawSocket[] = [];
  const listener = listenWebSocket({
    hostname: "127.0.0.1",
    port: 0,
    onLink: (link) => {
      links.push(link);
      owners.push(new LinkRecorder(link).start());
    },
    ...options,
  });
  const port = listener.port ?? 0;
  return {
    port,
    owners,
    links,
    async accept() {
      const socket = await RawSocket.upgrade(port);
      sockets.push(socket);
      const at = (): number =>
        links.findIndex(({ remote }) => remote === `127.0.0.1:${socket.port}`);
      await eventually(() => assert(at() >= 0));
      const owner = owners[at()];
      if (owner === undefined) throw new Error("no owner");
      return { socket, owner };
    },
    async [Symbol.asyncDispose](): Promise<void> {
      for (const socket of sockets) socket.close();
      for (const owner of owners) owner.terminate();
      await Promise.all(owners.map((owner) => owner.closedOnce));
      await listener.close();
    },
  };
}

Deno.test("listenWebSocket() says where it listens", async () => {
  for (const [hostname, host] of [["127.0.0.1", "127.0.0.1"], ["0.0.0.0", "0.0.0.0"]] as const) {
    const listener = listenWebSocket({ hostname, port: 0, onLink: () => {} });
    assert(listener.port !== null && listener.port > 0);
    assertEquals(listener.url, `ws://${host}:${listener.port}`);
    await listener.close();
  }
});

Deno.test("listenWebSocket() throws for a port in use and a pause that is none", async () => {
  const listener = listenWebSocket({ hostname: "127.0.0.1", port: 0, onLink: () => {} });
  const port = listener.port ?? 0;
  assertThrows(
    () => listenWebSocket({ hostname: "127.0.0.1", port, onLink: () => {} }),
    Deno.errors.AddrInUse,
  );
  await listener.close();
  for (const pingIntervalMs of [-1, NaN, Infinity]) {
    assertThrows(
      () => listenWebSocket({ hostname: "127.0.0.1", port: 0, onLink: () => {}, pingIntervalMs }),
      RangeError,
      "pingIntervalMs must be >= 0",
    );
  }
});

Deno.test("a request that is no upgrade is answered by HTTP", async () => {
  const listener = listenWebSocket({ hostname: "127.0.0.1", port: 0, onLink: () => {} });
  const response = await fetch(listener.url.replace("ws:", "http:"));
  assertEquals([response.status, response.headers.get("upgrade")], [426, "websocket"]);
  assertStringIncludes(await response.text(), "expected a WebSocket upgrade");
  const post = await fetch(listener.url.replace("ws:", "http:"), {
    method: "POST",
    body: "x".repeat(200_000),
  });
  assertEquals([post.status, post.headers.get("allow")], [405, "GET"]);
  await post.body?.cancel();
  await listener.close();
});

Deno.test("close() lets links live on", async () => {
  const owners: LinkRecorder[] = [];
  const listener = listenWebSocket({
    hostname: "127.0.0.1",
    port: 0,
    onLink: (link) => void owners.push(new LinkRecorder(link).start()),
  });
  using socket = await RawSocket.upgrade(listener.port ?? 0);
  await listener.close();
  await socket.send(textFrame("still here"));
  await eventually(() => assertEquals(owners[0]?.messages, ["still here"]));
  await socket.send(closeFrame(1000));
  assertEquals((await socket.rest()).map((one) => closeOf(one).code), [1000]);
  await owners[0]?.closedOnce;
});

Deno.test("the port can be listened on again at once", async () => {
  const server = listen();
  await server.accept();
  await server[Symbol.asyncDispose]();
  const again = listenWebSocket({ hostname: "127.0.0.1", port: server.port, onLink: () => {} });
  await again.close();
});

Deno.test("a reader that is stalled keeps nobody else from anything", async () => {
  await using server = listen();
  const slow = await server.accept();
  const quick = await server.accept();
  const publisher = await server.accept();
  publisher.owner.onMessage = (data) => {
    for (const owner of server.owners) if (owner !== publisher.owner) owner.send(data);
  };
  const message = binaryFrame(new Uint8Array(100_000).fill(7));
  const count = 300;
  const sending = (async () => {
    for (let i = 0; i < count; i++) await publisher.socket.send(message);
  })();
  for (let i = 0; i < count; i++) {
    const next = await quick.socket.next();
    assertEquals([next?.opcode, next?.payload.length], [2, 100_000]);
  }
  await sending;
  const stalled = server.links[server.owners.indexOf(slow.owner)];
  assert((stalled?.bufferedBytes ?? 0) > 15 * MIB, String(stalled?.bufferedBytes));
  // A write is pending now: the link ends all the same, at once and without a stray rejection.
  slow.owner.terminate();
  assertEquals((await slow.owner.closedOnce).code, 1006);
  assertEquals(stalled?.bufferedBytes, 0);
});

Deno.test("a slow reader gets everything in the end", async () => {
  await using server = listen();
  const { socket, owner } = await server.accept();
  for (let i = 0; i < 200; i++) owner.send(new Uint8Array(100_000).fill(i));
  owner.close(1000, "done");
  for (let i = 0; i < 200; i++) {
    const next = await socket.next();
    assertEquals([next?.payload.length, next?.payload[99_999]], [100_000, i]);
  }
  assertEquals(closeOf(await socket.next() ?? undefined).reason, "done");
  await socket.send(closeFrame(1000));
  assertEquals((await owner.closedOnce).code, 1000);
});

Deno.test("pause() slows down who sends", async () => {
  await using server = listen();
  const { socket, owner } = await server.accept();
  owner.pause();
  let sent = 0;
  const sending = (async () => {
    for (; sent < 64; sent++) await socket.send(binaryFrame(new Uint8Array(MIB)));
  })();
  let before = -1;
  // What the operating system buffers is some megabytes.
  await eventually(async () => {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 50));
    assertEquals(sent, before);
  });
  assert(sent < 64, "everything was taken");
  assertEquals(owner.messages.length, 0);
  owner.resume();
  await sending;
  await owner.received(64);
});

Deno.test("a peer that resets the connection is 1006", async () => {
  await using server = listen();
  const { socket, owner } = await server.accept();
  for (let i = 0; i < 50; i++) owner.send(new Uint8Array(100_000));
  // To close with unread bytes is a reset.
  await eventually(() => assert(server.links[0]?.bufferedBytes !== 0));
  socket.close();
  assertEquals((await owner.closedOnce).code, 1006);
});

Deno.test("a peer that ends only its own direction is 1006", async () => {
  await using server = listen();
  const { socket, owner } = await server.accept();
  await socket.send(textFrame("last"));
  await socket.end();
  assertEquals((await owner.closedOnce).code, 1006);
  assertEquals(owner.messages, ["last"]);
  assertEquals(await socket.rest(), []);
});

Deno.test("a silent peer is pinged after 30 s and cut after 50 s", async () => {
  const clock = new ManualClock();
  await using server = listen({ clock });
  const { socket, owner } = await server.accept();
  await clock.advance(30_000);
  assertEquals((await socket.next())?.opcode, 9);
  await clock.advance(20_000);
  assertEquals((await owner.closedOnce).code, 1006);
  assertEquals(await socket.rest(), []);
});

Deno.test("a bad peer harms only itself", async () => {
  await using server = listen();
  const witness = await server.accept();
  const bad = await server.accept();
  await bad.socket.send(frame({ opcode: 3 }));
  assertEquals((await bad.owner.closedOnce).code, 1002);
  assertEquals(closeOf((await bad.socket.rest())[0]).code, 1002);
  await witness.socket.send(textFrame("fine"));
  await witness.owner.received(1);
});

Deno.test("1,000 half-sent upgrades cost little memory, keep nobody out, and end after 5 s", async () => {
  const clock = new ManualClock();
  await using server = listen({ clock });
  const half = upgradeRequest().subarray(0, 100);
  const before = Deno.memoryUsage();
  const sockets: RawSocket[] = [];
  for (let i = 0; i < 1_000; i++) {
    const socket = await RawSocket.connect(server.port);
    await socket.send(half);
    sockets.push(socket);
  }
  const { socket, owner } = await server.accept();
  await socket.send(textFrame("let in"));
  await owner.received(1);
  const after = Deno.memoryUsage();
  const used = after.heapUsed + after.external - before.heapUsed - before.external;
  // Both ends are in this process: about 3 KiB for each connection.
  assert(used < 30 * MIB, `${used} bytes`);
  await settle();
  await clock.advance(5_000);
  for (const one of sockets) {
    assertStringIncludes(await one.text(), "HTTP/1.1 408 ");
    one.close();
  }
});
