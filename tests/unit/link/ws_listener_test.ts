import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Link, Listener } from "../../../src/link/link.ts";
import {
  type Accepted,
  type Acceptor,
  acceptWebSocket,
  type WsListenerOptions,
} from "../../../src/link/ws_listener.ts";
import { eventually } from "../../helpers/eventually.ts";
import { FakeStream } from "../../helpers/fake_stream.ts";
import { ManualClock, settle } from "../../helpers/manual_clock.ts";
import { upgradeRequest } from "../../helpers/raw_socket.ts";

/** A connection from an address of the test's choice. */
class FakeConn extends FakeStream implements Accepted {
  readonly remoteAddr: { readonly hostname: string; readonly port: number };

  constructor(hostname: string, port = 5_000) {
    super();
    this.remoteAddr = { hostname, port };
  }
}

/** Accepts what a test gives it. */
class FakeAcceptor implements Acceptor {
  readonly addr = { port: 8_338 };
  isClosed = false;
  /** How many connections were taken. */
  accepted = 0;
  readonly #queue: (FakeConn | Error)[] = [];
  #waiting: PromiseWithResolvers<Accepted> | null = null;

  offer(...items: (FakeConn | Error)[]): void {
    this.#queue.push(...items);
    this.#serve();
  }

  accept(): Promise<Accepted> {
    if (this.isClosed) return Promise.reject(new Error("closed"));
    this.#waiting = Promise.withResolvers();
    const { promise } = this.#waiting;
    this.#serve();
    return promise;
  }

  close(): void {
    this.isClosed = true;
    this.#waiting?.reject(new Error("closed"));
  }

  #serve(): void {
    const item = this.#waiting === null ? undefined : this.#queue.shift();
    if (item === undefined) return;
    const waiting = this.#waiting;
    this.#waiting = null;
    if (item instanceof Error) return waiting?.reject(item);
    this.accepted++;
    waiting?.resolve(item);
  }
}

interface Listening extends AsyncDisposable {
  readonly listener: Listener;
  readonly acceptor: FakeAcceptor;
  readonly clock: ManualClock;
  readonly links: Link[];
  readonly logged: string[];
}

function listening(onLink?: WsListenerOptions["onLink"]): Listening {
  const acceptor = new FakeAcceptor();
  const clock = new ManualClock();
  const links: Link[] = [];
  const logged: string[] = [];
  const log = (event: string): void => void logged.push(event);
  const listener = acceptWebSocket(acceptor, {
    hostname: "127.0.0.1",
    port: 8_338,
    onLink: onLink ?? ((link) => void links.push(link)),
    clock,
    logger: { debug: () => {}, info: log, warn: log, error: log },
  });
  return {
    listener,
    acceptor,
    clock,
    links,
    logged,
    [Symbol.asyncDispose]: () => listener.close(),
  };
}

function conns(address: string, count: number): FakeConn[] {
  return Array.from({ length: count }, (_, i) => new FakeConn(address, 1_000 + i));
}

/** Lets upgrades finish: making the accept key takes a thread. */
async function upgraded(links: readonly Link[], count: number): Promise<void> {
  await eventually(() => assertEquals(links.length, count));
}

Deno.test("an address of IPv6 stands in brackets", async () => {
  const acceptor = new FakeAcceptor();
  const links: Link[] = [];
  const listener = acceptWebSocket(acceptor, {
    hostname: "::1",
    port: 8_338,
    onLink: (link) => void links.push(link),
  });
  assertEquals(listener.url, "ws://[::1]:8338");
  const conn = new FakeConn("2001:db8::1", 4_000);
  conn.receive(upgradeRequest());
  acceptor.offer(conn);
  await upgraded(links, 1);
  assertEquals(links[0]?.remote, "[2001:db8::1]:4000");
  await listener.close();
});

Deno.test("close() stops accepting, drops unfinished upgrades, and may be repeated", async () => {
  const { listener, acceptor, links } = listening();
  const [done, half, idle] = conns("127.0.0.1", 3);
  done?.receive(upgradeRequest());
  half?.receive(upgradeRequest().subarray(0, 30));
  acceptor.offer(...[done, half, idle].filter((one) => one !== undefined));
  await upgraded(links, 1);
  await Promise.all([listener.close(), listener.close()]);
  await listener.close();
  assertEquals([done?.isClosed, half?.isClosed, idle?.isClosed], [false, true, true]);
  assert(acceptor.isClosed);
});

Deno.test("a failure to accept is reported, and accepting goes on after a pause", async () => {
  await using server = listening();
  const conn = new FakeConn("127.0.0.1");
  conn.receive(upgradeRequest());
  server.acceptor.offer(new Error("Too many open files (os error 24)"), conn);
  await settle();
  assertEquals([server.logged, server.acceptor.accepted], [["accept failed"], 0]);
  await server.clock.advance(99);
  assertEquals(server.acceptor.accepted, 0);
  await server.clock.advance(1);
  await upgraded(server.links, 1);
});

Deno.test("close() does not wait for the pause after a failure", async () => {
  const { listener, acceptor, clock } = listening();
  acceptor.offer(new Error("Too many open files (os error 24)"));
  await settle();
  await listener.close();
  assertEquals(clock.pending, 0);
});

Deno.test("of one address 100 upgrades run at once, and the next begins when one is done", async () => {
  await using server = listening();
  const address = "203.0.113.7";
  const silent = conns(address, 100);
  const next = new FakeConn(address);
  const other = new FakeConn("203.0.113.8");
  next.receive(upgradeRequest());
  other.receive(upgradeRequest());
  server.acceptor.offer(...silent, next, other);
  await upgraded(server.links, 1);
  assertEquals(server.links[0]?.remote, "203.0.113.8:5000");
  assertEquals([next.isReading, next.writes.length], [false, 0]);
  silent[0]?.receive(null);
  await upgraded(server.links, 2);
  assertEquals(server.links[1]?.remote, `${address}:5000`);
});

Deno.test("those that say nothing make room after 5 s", async () => {
  await using server = listening();
  const silent = conns("203.0.113.7", 100);
  const waiting = conns("203.0.113.7", 50);
  for (const conn of waiting) conn.receive(upgradeRequest());
  server.acceptor.offer(...silent, ...waiting);
  await eventually(() => assertEquals(server.acceptor.accepted, 150));
  await server.clock.advance(4_999);
  assertEquals(server.links.length, 0);
  await server.clock.advance(1);
  await upgraded(server.links, 50);
  assert(silent.every((conn) => conn.isClosed));
});

Deno.test("of one address 900 connections wait, and one more is closed unanswered", async () => {
  await using server = listening();
  const all = conns("203.0.113.7", 1_001);
  server.acceptor.offer(...all.slice(0, 1_000));
  await eventually(() => assertEquals(server.acceptor.accepted, 1_000));
  assertEquals(all.filter((conn) => conn.isClosed).length, 0);
  server.acceptor.offer(...all.slice(1_000));
  await eventually(() => assertEquals(all[1_000]?.isClosed, true));
  assertEquals(all.filter((conn) => conn.isClosed).length, 1);
  assertEquals(server.logged, ["connection refused"]);
});

Deno.test("with 4,096 unfinished connections nothing more is accepted until one is done", async () => {
  await using server = listening();
  const all = conns("127.0.0.1", 4_098);
  server.acceptor.offer(...all);
  await eventually(() => assertEquals(server.acceptor.accepted, 4_096));
  await settle();
  assertEquals(server.acceptor.accepted, 4_096);
  all[0]?.receive(null);
  await eventually(() => assertEquals(server.acceptor.accepted, 4_097));
});

Deno.test("an owner that throws loses that link, and no other", async () => {
  let count = 0;
  await using server = listening(() => {
    if (++count === 1) throw new Error("bug");
  });
  const [first, second] = conns("127.0.0.1", 2);
  for (const conn of [first, second]) {
    conn?.receive(upgradeRequest());
    if (conn !== undefined) server.acceptor.offer(conn);
  }
  await eventually(() => assertEquals(count, 2));
  assertEquals([first, second].filter((conn) => conn?.isClosed).length, 1);
  assertEquals(server.logged, ["link not taken"]);
});

/** An owner that admits links when the test says so. */
function admitting(): {
  readonly admissions: PromiseWithResolvers<void>[];
  readonly links: Link[];
  readonly onLink: (link: Link) => Promise<void>;
} {
  const admissions: PromiseWithResolvers<void>[] = [];
  const links: Link[] = [];
  return {
    admissions,
    links,
    onLink: (link) => {
      link.start({ message: () => {}, drained: () => {}, closed: () => {} });
      links.push(link);
      const admission = Promise.withResolvers<void>();
      admissions.push(admission);
      return admission.promise;
    },
  };
}

/** 100 connections of one address that are upgraded and not admitted, and one that waits. */
async function full(): Promise<
  & Listening
  & Pick<ReturnType<typeof admitting>, "admissions" | "links">
  & {
    readonly pending: FakeConn[];
    readonly next: FakeConn;
    /** The connection of a link: they are done in any order. */
    readonly connOf: (link: number) => FakeConn | undefined;
  }
> {
  const owner = admitting();
  const server = listening(owner.onLink);
  const [next, ...pending] = conns("203.0.113.7", 101);
  if (next === undefined) throw new Error("no connection");
  for (const conn of [...pending, next]) conn.receive(upgradeRequest());
  server.acceptor.offer(...pending, next);
  await upgraded(owner.links, 100);
  await settle();
  assertEquals(next.writes.length, 0);
  const connOf = (link: number): FakeConn | undefined =>
    pending.find((conn) => owner.links[link]?.remote.endsWith(`:${conn.remoteAddr.port}`));
  return { ...server, ...owner, pending, next, connOf };
}

Deno.test("a link that is not admitted keeps its place until it is", async () => {
  await using server = await full();
  server.admissions[41]?.resolve();
  await upgraded(server.links, 101);
  assertEquals(server.next.isClosed, false);
  for (const link of server.links) link.terminate();
});

Deno.test("a link that is not admitted gives up its place when it is closed, once", async () => {
  await using server = await full();
  const later = new FakeConn("203.0.113.7", 9_000);
  later.receive(upgradeRequest());
  server.acceptor.offer(later);
  await eventually(() => assertEquals(server.acceptor.accepted, 102));
  server.connOf(7)?.receive(null);
  await upgraded(server.links, 101);
  // It was given up already.
  server.admissions[7]?.resolve();
  await settle();
  assertEquals(later.writes.length, 0);
  server.links[3]?.terminate();
  await upgraded(server.links, 102);
  for (const link of server.links) link.terminate();
});

Deno.test("a link whose admission fails is cut, and gives up its place", async () => {
  await using server = await full();
  server.admissions[0]?.reject(new Error("bug"));
  await upgraded(server.links, 101);
  assertEquals(server.logged, ["link not taken"]);
  assertEquals(server.connOf(0)?.isClosed, true);
  for (const link of server.links) link.terminate();
});

Deno.test("close() does not wait for links that are not admitted", async () => {
  const server = await full();
  await server.listener.close();
  assertEquals(server.next.isClosed, true);
  assertEquals(server.pending.filter((conn) => conn.isClosed).length, 0);
  for (const link of server.links) link.terminate();
});

Deno.test("an origin that is none is refused before anything is accepted", () => {
  assertThrows(
    () =>
      acceptWebSocket(new FakeAcceptor(), {
        hostname: "127.0.0.1",
        port: 8_338,
        onLink: () => {},
        origins: ["app.example.org"],
      }),
    TypeError,
    "Cannot allow origin",
  );
});
