import { assert, assertEquals, assertRejects } from "@std/assert";
import { Connection } from "../../../src/client/connection.ts";
import { resolveComponentOptions } from "../../../src/client/options.ts";
import type { Session } from "../../../src/client/session.ts";
import type { Dialer, Link } from "../../../src/link/link.ts";
import { memoryPair } from "../../../src/link/memory.ts";
import type { ConnectionEvent } from "../../../src/peer/api.ts";
import {
  ConnectionClosedError,
  LoginError,
  Status,
  TimeoutError,
} from "../../../src/protocol/errors.ts";
import type { Random } from "../../../src/util/random.ts";
import { FakeBroker, idle } from "../../helpers/fake_broker.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";

const URL = "ws://broker:8338/name";
/** Always the longest pause. */
const UNLUCKY: Random = { float: () => 1 - Number.EPSILON, u64: () => 1n };

function start(parts: {
  readonly dial?: Dialer;
  readonly reconnects?: boolean;
  readonly prepare?: (session: Session) => Promise<void>;
} = {}) {
  const clock = new ManualClock();
  const broker = new FakeBroker();
  const log: string[] = [];
  const events: ConnectionEvent[] = [];
  const connection: Connection = new Connection({
    url: URL,
    dial: parts.dial ?? broker.dial,
    reconnects: parts.reconnects ?? true,
    component: resolveComponentOptions({
      clock,
      random: UNLUCKY,
      requestTimeoutMs: 5_000,
      heartbeatMs: 0,
    }),
    handler: {
      prepare: async (session) => {
        log.push("prepare");
        assertEquals([connection.session, connection.current === session], [null, true]);
        await parts.prepare?.(session);
      },
      ready: () => void log.push("ready"),
      lost: () => void log.push("lost"),
      packet: ({ type }) => void log.push(type),
      event: (event) => void events.push(event),
      ended: (reason) => void log.push(`ended ${reason.message}`),
    },
  });
  /** Pauses that were announced, as `attempt: delay`. */
  const pauses = (): string[] =>
    events.flatMap((one) => one.type === "retrying" ? [`${one.attempt}: ${one.delayMs}`] : []);
  return { clock, broker, log, events, connection, pauses, started: connection.start() };
}

const CLOSED = new ConnectionClosedError();

Deno.test("start() resolves when the session is prepared and ready", async () => {
  const { connection, log, events, started, clock } = start();
  await started;
  await idle();
  assertEquals(log, ["prepare", "ready"]);
  assertEquals(events, [{ type: "connected", url: URL }]);
  assert(connection.session !== null && connection.session === connection.current);
  await connection.close(CLOSED);
  assertEquals(log.slice(2), ["lost", "ended connection down"]);
  assertEquals([connection.session, connection.current, clock.pending], [null, null, 0]);
});

Deno.test("start() rejects when nobody listens, and a connection that reconnects goes on", async () => {
  const broker = new FakeBroker();
  broker.isUp = false;
  const { connection, started, log, clock, pauses } = start({ dial: broker.dial });
  const error = await assertRejects(
    () => started,
    ConnectionClosedError,
    `Cannot connect to "${URL}": nobody there`,
  );
  assertEquals((error.cause as Error).message, "nobody there");
  await clock.advance(99);
  assertEquals(broker.dials, 2);
  broker.isUp = true;
  await clock.advance(199);
  await idle();
  assertEquals([log, pauses()], [["prepare", "ready"], ["1: 99", "2: 199"]]);
  await connection.close(CLOSED);
});

Deno.test("a connection that does not reconnect ends with its first failure", async () => {
  const broker = new FakeBroker();
  broker.isUp = false;
  const { connection, started, log, events, clock } = start({
    dial: broker.dial,
    reconnects: false,
  });
  await assertRejects(() => started, ConnectionClosedError);
  await idle();
  assertEquals([connection.isClosed, events, clock.pending], [true, [], 0]);
  assertEquals(log, [`ended Cannot connect to "${URL}": nobody there`]);
  await connection.close(CLOSED);
});

Deno.test("a connection that does not reconnect ends when its link is lost", async () => {
  const { connection, started, log, events, broker } = start({ reconnects: false });
  await started;
  broker.last.close(1001, "going away");
  await idle();
  assertEquals(log, [
    "prepare",
    "ready",
    "lost",
    `ended Connection to "${URL}" lost: 1001 going away`,
  ]);
  assertEquals(events.at(-1), {
    type: "disconnected",
    url: URL,
    code: 1001,
    reason: "going away",
  });
  assertEquals(connection.isClosed, true);
});

Deno.test("a lost link is dialled again after a pause below 100 ms", async () => {
  const { connection, started, log, clock, broker, pauses } = start();
  await started;
  broker.last.cut();
  await idle();
  assertEquals([log, connection.session], [["prepare", "ready", "lost"], null]);
  await clock.advance(99);
  await idle();
  assertEquals(log.slice(3), ["prepare", "ready"]);
  assertEquals(pauses(), ["1: 99"]);
  await connection.close(CLOSED);
});

Deno.test("pauses double up to the longest, and are short again after a session that lasted", async () => {
  const { connection, started, clock, broker, pauses } = start();
  await started;
  broker.isUp = false;
  broker.last.cut();
  await clock.advance(60_000);
  const ceilings = [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000];
  assertEquals(pauses().slice(0, 9), ceilings.map((ms, at) => `${at + 1}: ${ms - 1}`));
  broker.isUp = true;
  await clock.advance(10_000);
  await clock.advance(10_000);
  const before = pauses().length;
  broker.last.cut();
  await idle();
  assertEquals(pauses().slice(before), ["1: 99"]);
  await connection.close(CLOSED);
});

Deno.test("a broker that lets us in and cuts us off at once is not hammered", async () => {
  const { connection, started, clock, broker, pauses } = start();
  await started;
  for (let n = 0; n < 4; n++) {
    broker.last.cut();
    await idle();
    await clock.advance(800);
  }
  assertEquals(pauses(), ["1: 99", "2: 199", "3: 399", "4: 799"]);
  await connection.close(CLOSED);
});

Deno.test("a login that is refused is tried again", async () => {
  let refusals = 3;
  const { connection, started, clock, log, events, broker } = start({
    prepare: () => {
      if (refusals-- > 0) throw new LoginError(Status.IDENTIFICATION_ERROR, "in use");
      return Promise.resolve();
    },
  });
  await assertRejects(() => started, LoginError, "in use");
  await clock.advance(1_000);
  await idle();
  assertEquals(log, ["prepare", "prepare", "prepare", "prepare", "ready"]);
  assertEquals(events.map(({ type }) => type), ["retrying", "retrying", "retrying", "connected"]);
  assertEquals(broker.sessions.length, 4);
  // The links of the refused logins are closed.
  for (const session of broker.sessions.slice(0, 3)) await session.closed;
  await connection.close(CLOSED);
});

Deno.test("a link that is lost while the session is prepared is no session", async () => {
  let losses = 1;
  const { connection, started, clock, log, broker } = start({
    prepare: async () => {
      if (losses-- > 0) broker.last.cut();
      await idle();
    },
  });
  await assertRejects(() => started, ConnectionClosedError);
  await clock.advance(100);
  await idle();
  assertEquals(log, ["prepare", "prepare", "ready"]);
  await connection.close(CLOSED);
});

Deno.test("a dial takes no longer than the request timeout, whatever the dialler does", async () => {
  const { promise, resolve } = Promise.withResolvers<Link>();
  let signal: AbortSignal | null = null;
  const { connection, started, clock } = start({
    reconnects: false,
    dial: (given) => {
      signal = given;
      return promise;
    },
  });
  const failed = assertRejects(() => started, TimeoutError, "no link within 5000 ms");
  await clock.advance(4_999);
  assertEquals(signal, signal);
  await clock.advance(1);
  await failed;
  assertEquals([(signal as AbortSignal | null)?.aborted, connection.isClosed], [true, true]);
  // A link that comes too late is cut.
  const [late, other] = memoryPair();
  const closed = Promise.withResolvers<number>();
  other.start({ message: () => {}, drained: () => {}, closed: ({ code }) => closed.resolve(code) });
  resolve(late);
  assertEquals(await closed.promise, 1006);
});

Deno.test("close() ends a connection in each of its states, twice without harm", async () => {
  const idling = start();
  await idling.started;
  await Promise.all([idling.connection.close(CLOSED), idling.connection.close(CLOSED)]);
  assertEquals(idling.log.filter((one) => one.startsWith("ended")).length, 1);

  const dialling = start({ dial: () => new Promise(() => {}) });
  const failed = assertRejects(() => dialling.started, ConnectionClosedError);
  await dialling.connection.close(CLOSED);
  await failed;

  const preparing = start({ prepare: async (session) => void await session.ended });
  const unprepared = assertRejects(() => preparing.started, ConnectionClosedError);
  await idle();
  await preparing.connection.close(CLOSED);
  await unprepared;

  const waiting = start();
  await waiting.started;
  waiting.broker.isUp = false;
  waiting.broker.last.cut();
  await idle();
  await waiting.connection.close(CLOSED);

  for (const { clock, connection, log } of [idling, dialling, preparing, waiting]) {
    assertEquals([clock.pending, connection.isClosed], [0, true]);
    assertEquals(log.at(-1), "ended connection down");
  }
});
