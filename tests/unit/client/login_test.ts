import { assertEquals, assertRejects } from "@std/assert";
import { login, negotiate } from "../../../src/client/login.ts";
import { Session } from "../../../src/client/session.ts";
import { memoryPair } from "../../../src/link/memory.ts";
import { ConnectionClosedError, LoginError } from "../../../src/protocol/errors.ts";
import type { Packet } from "../../../src/protocol/packet.ts";
import { SILENT } from "../../../src/util/log.ts";
import { commandOf, type FakeAnswer, FakeSession, idle } from "../../helpers/fake_broker.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";
import { SeededRandom } from "../../helpers/seeded_random.ts";

function open(answer: (packet: Packet) => FakeAnswer) {
  const [ours, theirs] = memoryPair();
  const peer = new FakeSession(theirs, answer);
  const session = new Session({
    link: ours,
    encoding: "cbor",
    clock: new ManualClock(),
    random: new SeededRandom(1),
    log: SILENT,
    requestTimeoutMs: 10_000,
    heartbeatMs: 0,
    heartbeatTimeoutMs: 1,
    onPacket: () => {},
  });
  return { peer, session };
}

Deno.test("login() is in on status OK, whatever the data", async () => {
  for (const data of [null, [["a"], ["b"]]]) {
    const { session, peer } = open(() => [0, data]);
    await login(session, "alice");
    assertEquals(peer.said, ["identity alice"]);
  }
});

Deno.test("login() rejects with LoginError and the status when it is refused", async () => {
  for (const [status, text] of [[20, "the name is in use"], [10, "no"], [11, "a key"]] as const) {
    const { session } = open(() => [status, text]);
    const error = await assertRejects(() => login(session, "alice"), LoginError, '"alice"');
    assertEquals(error.status, status);
  }
});

Deno.test("login() says that the name may be in use when the broker closes without an answer", async () => {
  const { session, peer } = open(() => null);
  const failed = assertRejects(
    () => login(session, "alice"),
    ConnectionClosedError,
    "the name may be in use",
  );
  await idle();
  peer.close(1000);
  await failed;
});

Deno.test("negotiate() makes a session capable only on OK with a map", async () => {
  for (
    const [answer, isCapable] of [
      [[0, { v: 1, name: "broker" }], true],
      [[0, { v: 1, more: [1] }], true],
      [[0, null], false],
      [[0, [1]], false],
      [[0, "yes"], false],
      [[10, { v: 1 }], false],
      [[47, "capabilities"], false],
    ] as [[number, unknown], boolean][]
  ) {
    const { session, peer } = open(() => answer);
    await negotiate(session, false);
    assertEquals([session.isCapable, peer.received.map(commandOf)], [
      isCapable,
      [{ cmd: "capabilities", v: 1 }],
    ]);
  }
});

Deno.test("negotiate() asks for extras only when they are wanted", async () => {
  const { session, peer } = open(() => [0, null]);
  await negotiate(session, true);
  assertEquals(peer.received.map(commandOf), [{ cmd: "capabilities", v: 1, extras: true }]);
});

Deno.test("negotiate() notes whether the broker has history, and what it was asked for", async () => {
  for (
    const [history, extras, wanted] of [
      [true, true, [true, true]],
      [true, false, [true, false]],
      ["yes", true, [false, true]],
      [undefined, false, [false, false]],
    ] as const
  ) {
    const { session } = open(() => [0, { v: 1, ...(history === undefined ? {} : { history }) }]);
    assertEquals([session.hasHistory, session.hasExtras], [false, false]);
    await negotiate(session, extras);
    assertEquals([session.hasHistory, session.hasExtras], wanted);
  }
});
