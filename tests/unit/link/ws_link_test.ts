import { assert, assertEquals } from "@std/assert";
import { WriteBuffers } from "../../../src/link/ws_buffers.ts";
import type { Role } from "../../../src/link/ws_frames.ts";
import { WsLink } from "../../../src/link/ws_link.ts";
import { FakeStream } from "../../helpers/fake_stream.ts";
import { LinkRecorder } from "../../helpers/link_recorder.ts";
import { ManualClock, settle } from "../../helpers/manual_clock.ts";
import {
  binaryFrame,
  closeFrame,
  closeOf,
  frame,
  joined,
  type ReadFrame,
  readFrames,
  textFrame,
  utf8,
} from "../../helpers/ws_frame.ts";

interface Linked {
  readonly link: WsLink;
  readonly owner: LinkRecorder;
  readonly stream: FakeStream;
  readonly clock: ManualClock;
  readonly logged: string[];
  /** The frames that were written. */
  frames(): ReadFrame[];
}

function linked(
  { rest = new Uint8Array(0), role = "server" }: {
    readonly rest?: Uint8Array;
    readonly role?: Role;
  } = {},
): Linked {
  const stream = new FakeStream();
  const clock = new ManualClock();
  const logged: string[] = [];
  const ignore = (): void => {};
  const link = new WsLink({
    role,
    stream,
    rest,
    remote: "192.0.2.1:5000",
    buffers: new WriteBuffers(),
    clock,
    logger: {
      debug: ignore,
      info: ignore,
      warn: (event) => logged.push(event),
      error: (event) => logged.push(event),
    },
    pingIntervalMs: role === "server" ? 30_000 : 0,
    messageBytesMax: 100_000,
  });
  const owner = new LinkRecorder(link).start();
  const frames = (): ReadFrame[] => readFrames(stream.written, role).frames;
  return { link, owner, stream, clock, logged, frames };
}

/** Everything is over, and nothing is left behind. */
function assertGone({ stream, clock, owner, link }: Linked, code: number): void {
  assertEquals(owner.closes.map((close) => close.code), [code]);
  assertEquals([stream.isClosed, clock.pending, link.bufferedBytes], [true, 0, 0]);
  assertEquals(owner.faults, []);
}

Deno.test("a link reads what came behind the upgrade first", async () => {
  const { owner, stream } = linked({
    rest: joined([textFrame("first"), textFrame("sec").subarray(0, 5)]),
  });
  await settle();
  assertEquals(owner.messages, ["first"]);
  stream.receive(textFrame("sec").subarray(5), binaryFrame(utf8("third")));
  await settle();
  assertEquals(owner.messages, ["first", "sec", utf8("third")]);
});

Deno.test("a ping is answered with its payload", async () => {
  const { stream, frames } = linked();
  stream.receive(joined([frame({ opcode: 9, payload: utf8("a") }), frame({ opcode: 9 })]));
  await settle();
  assertEquals(frames(), [
    { fin: true, opcode: 10, payload: utf8("a") },
    { fin: true, opcode: 10, payload: new Uint8Array(0) },
  ]);
});

Deno.test("a pong that nobody asked for is ignored", async () => {
  const { stream, owner, frames } = linked();
  stream.receive(frame({ opcode: 10, payload: utf8("x") }));
  await settle();
  assertEquals([owner.messages, frames()], [[], []]);
});

Deno.test("close() says goodbye, waits for the answer and ends the connection", async () => {
  const linking = linked();
  const { owner, stream, frames } = linking;
  owner.send("last");
  owner.close(1013, "slow");
  owner.send("never");
  await settle();
  assertEquals(frames().map(({ opcode }) => opcode), [1, 8]);
  assertEquals(closeOf(frames()[1]), { code: 1013, reason: "slow" });
  assertEquals([owner.closes.length, stream.isClosed], [0, false]);
  stream.receive(joined([textFrame("too late"), closeFrame(1013)]));
  await settle();
  assertEquals([owner.messages, owner.closes], [[], [{ code: 1013, reason: "slow" }]]);
  assertGone(linking, 1013);
});

Deno.test("nothing follows a close frame: no ping, no pong", async () => {
  const { owner, clock, stream, frames } = linked();
  await clock.advance(29_999);
  owner.close(1000, "");
  stream.receive(frame({ opcode: 9 }));
  await clock.advance(4_000);
  assertEquals(frames().map(({ opcode }) => opcode), [8]);
});

Deno.test("close() cuts a peer that does not answer within 5 s", async () => {
  const linking = linked();
  linking.owner.close(1000, "");
  await linking.clock.advance(4_999);
  assertEquals([linking.owner.closes.length, linking.stream.isClosed], [0, false]);
  await linking.clock.advance(1);
  assertGone(linking, 1006);
});

Deno.test("close() cuts a peer that takes nothing within 5 s", async () => {
  const linking = linked();
  linking.stream.stall();
  linking.owner.send(new Uint8Array(50_000));
  linking.owner.close(1000, "");
  await linking.clock.advance(5_000);
  assertGone(linking, 1006);
});

Deno.test("a close of the peer is told at once, answered in kind, and ends the connection", async () => {
  const linking = linked();
  linking.stream.receive(joined([textFrame("last"), closeFrame(4001, "bye"), textFrame("never")]));
  await settle();
  assertEquals(linking.owner.messages, ["last"]);
  assertEquals(linking.owner.closes, [{ code: 4001, reason: "bye" }]);
  assertEquals(linking.frames().map(closeOf), [{ code: 4001, reason: "bye" }]);
  assertGone(linking, 4001);
});

Deno.test("a close of the peer without a code is told as 1005 and answered without one", async () => {
  const linking = linked();
  linking.stream.receive(closeFrame());
  await settle();
  assertEquals(linking.stream.written, new Uint8Array([0x88, 0]));
  assertGone(linking, 1005);
});

Deno.test("an answer to a close that cannot be written does not keep the connection", async () => {
  const linking = linked();
  linking.stream.stall();
  linking.owner.send("under way");
  linking.stream.receive(closeFrame(1000));
  await settle();
  assertEquals([linking.owner.closes.length, linking.stream.isClosed], [1, false]);
  await linking.clock.advance(5_000);
  assertGone(linking, 1000);
});

Deno.test("the end of the connection without a close is 1006", async () => {
  const linking = linked();
  linking.stream.receive(textFrame("last"), null);
  await settle();
  assertEquals(linking.owner.messages, ["last"]);
  assertGone(linking, 1006);
});

Deno.test("a reset of the connection is 1006, also while closing", async () => {
  for (const isClosing of [false, true]) {
    const linking = linked();
    if (isClosing) linking.owner.close(1000, "");
    linking.stream.receive(new Error("reset"));
    await settle();
    assertGone(linking, 1006);
  }
});

Deno.test("a write that fails leaves the peer its last words", async () => {
  const linking = linked();
  const { stream, owner } = linking;
  stream.failWrites(new Error("broken pipe"));
  owner.send("lost");
  await settle();
  assertEquals(owner.closes, []);
  stream.receive(joined([textFrame("why"), closeFrame(1001, "going")]));
  await settle();
  assertEquals(owner.messages, ["why"]);
  assertGone(linking, 1001);
});

Deno.test("a write that fails ends a link whose peer says nothing more, paused or not", async () => {
  for (const isPaused of [false, true]) {
    const linking = linked();
    if (isPaused) linking.owner.pause();
    linking.stream.failWrites(new Error("broken pipe"));
    linking.owner.send("lost");
    await linking.clock.advance(5_000);
    assertGone(linking, 1006);
  }
});

Deno.test("a protocol error is told to both sides, without a reset", async () => {
  const linking = linked();
  const { stream, owner, frames } = linking;
  stream.receive(joined([textFrame("good"), frame({ opcode: 3 }), textFrame("unread")]));
  await settle();
  assertEquals(owner.messages, ["good"]);
  assertEquals(owner.closes.map(({ code }) => code), [1002]);
  assertEquals(closeOf(frames()[0]).code, 1002);
  assertEquals(linking.logged, ["frame refused"]);
  // What the peer still sends is read and thrown away, so that it gets the close frame.
  assertEquals([stream.isWriteClosed, stream.isClosed], [true, false]);
  stream.receive(new Uint8Array(500_000), null);
  await settle();
  assertGone(linking, 1002);
});

Deno.test("a peer that goes on after a protocol error is cut after 5 s", async () => {
  const linking = linked();
  linking.stream.receive(binaryFrame(new Uint8Array(100_001)));
  await settle();
  assertEquals(closeOf(linking.frames()[0]).code, 1009);
  linking.stream.receive(new Uint8Array(500_000));
  await linking.clock.advance(5_000);
  assertGone(linking, 1009);
});

Deno.test("a protocol error while closing sends no second close frame", async () => {
  const linking = linked();
  linking.owner.close(1000, "");
  linking.stream.receive(frame({ opcode: 3 }), null);
  await settle();
  assertEquals(linking.frames().length, 1);
  assertGone(linking, 1002);
});

Deno.test("terminate() cuts a peer that takes nothing, at once", async () => {
  const linking = linked();
  linking.stream.stall();
  linking.owner.send(new Uint8Array(50_000));
  await settle();
  linking.owner.terminate();
  assertEquals([linking.owner.closes.length, linking.stream.isClosed], [0, true]);
  await settle();
  assertGone(linking, 1006);
});

Deno.test("terminate() while the last bytes are on their way tells nothing twice", async () => {
  const linking = linked();
  linking.stream.stall();
  linking.owner.send("under way");
  linking.stream.receive(closeFrame(1000));
  await settle();
  linking.link.terminate();
  await settle();
  assertGone(linking, 1000);
});

Deno.test("a silent peer is pinged, and cut after the pause and 20 s", async () => {
  const linking = linked();
  await linking.clock.advance(30_000);
  assertEquals(linking.frames(), [{ fin: true, opcode: 9, payload: new Uint8Array(0) }]);
  await linking.clock.advance(19_999);
  assertEquals(linking.owner.closes, []);
  await linking.clock.advance(1);
  assertGone(linking, 1006);
});

Deno.test("a peer that answers pings stays", async () => {
  const { clock, stream, owner } = linked();
  for (let i = 0; i < 5; i++) {
    await clock.advance(30_000);
    stream.receive(frame({ opcode: 10 }));
    await settle();
  }
  assertEquals(owner.closes, []);
});

Deno.test("a peer that is not read from is not blamed for its silence", async () => {
  const linking = linked();
  const { owner, clock, stream } = linking;
  owner.pause();
  await clock.advance(1_000_000);
  assertEquals([owner.closes.length, clock.pending], [0, 0]);
  stream.receive(textFrame("patient"));
  owner.resume();
  await settle();
  assertEquals(owner.messages, ["patient"]);
  await clock.advance(50_000);
  assertGone(linking, 1006);
});

Deno.test("pause() stops reading from the connection", async () => {
  const { owner, stream } = linked();
  await settle();
  owner.pause();
  stream.receive(textFrame("one read was under way"));
  await settle();
  stream.receive(textFrame("not read"));
  await settle();
  assertEquals([owner.messages, stream.isReading], [[], false]);
  owner.resume();
  await settle();
  assertEquals(owner.messages, ["one read was under way", "not read"]);
});

Deno.test("a handler that throws closes the link with 1011", async () => {
  const linking = linked();
  linking.owner.onMessage = () => {
    throw new Error("bug");
  };
  linking.stream.receive(joined([textFrame("one"), textFrame("two")]));
  await settle();
  assertEquals(linking.owner.messages, ["one"]);
  assertEquals(closeOf(linking.frames()[0]).code, 1011);
  assertEquals(linking.logged, ["link handler failed"]);
  linking.stream.receive(closeFrame(1011));
  await settle();
  assertGone(linking, 1011);
});

Deno.test("a flood of pings to a stalled socket costs 4 KiB", async () => {
  const { stream, frames } = linked();
  stream.stall();
  stream.receive(frame({ opcode: 9, payload: utf8("0") }));
  await settle();
  for (let i = 1; i <= 10_000; i++) {
    stream.receive(frame({ opcode: 9, payload: utf8(String(i)) }));
    await settle();
  }
  stream.flow();
  await settle();
  assertEquals(new TextDecoder().decode(frames().at(-1)?.payload), "10000");
  assert(stream.written.length < 2 * 4_096, String(stream.written.length));
});

/** A frame of a server. */
function unmasked(opcode: number, payload: Uint8Array = new Uint8Array(0)): Uint8Array {
  return frame({ opcode, payload, key: null });
}

/** A close frame of a server. */
function serverClose(code: number, reason = ""): Uint8Array {
  return unmasked(8, joined([[code >> 8, code & 255], utf8(reason)]));
}

Deno.test("a client masks what it sends, reads what is not masked, and answers pings", async () => {
  const { owner, stream, frames } = linked({ role: "client", rest: unmasked(1, utf8("first")) });
  stream.receive(joined([unmasked(2, utf8("second")), unmasked(9, utf8("?"))]));
  owner.send("hello");
  await settle();
  assertEquals(owner.messages, ["first", utf8("second")]);
  assertEquals(frames(), [
    { fin: true, opcode: 1, payload: utf8("hello") },
    { fin: true, opcode: 10, payload: utf8("?") },
  ]);
});

Deno.test("a client that closed waits for the server to end the connection", async () => {
  const linking = linked({ role: "client" });
  const { owner, stream, frames } = linking;
  owner.close(1013, "slow");
  await settle();
  assertEquals(frames().map(closeOf), [{ code: 1013, reason: "slow" }]);
  stream.receive(serverClose(1013));
  await settle();
  assertEquals([owner.closes.length, stream.isClosed, stream.isReading], [0, false, true]);
  stream.receive(null);
  await settle();
  assertEquals(owner.closes, [{ code: 1013, reason: "slow" }]);
  assertGone(linking, 1013);
});

Deno.test("a client answers a close of the server, then waits for the end of the connection", async () => {
  const linking = linked({ role: "client" });
  const { owner, stream, frames } = linking;
  stream.receive(joined([serverClose(4001, "bye"), unmasked(1, utf8("never"))]));
  await settle();
  assertEquals(frames().map(closeOf), [{ code: 4001, reason: "bye" }]);
  assertEquals([owner.closes.length, stream.isClosed, stream.isWriteClosed], [0, false, false]);
  stream.receive(new Error("reset"));
  await settle();
  assertEquals(owner.closes, [{ code: 4001, reason: "bye" }]);
  assertEquals(owner.messages, []);
  assertGone(linking, 4001);
});

Deno.test("a client ends the connection itself when the server has not within 5 s", async () => {
  const linking = linked({ role: "client" });
  linking.stream.receive(serverClose(1001));
  await linking.clock.advance(4_999);
  assertEquals([linking.owner.closes.length, linking.stream.isClosed], [0, false]);
  await linking.clock.advance(1);
  assertGone(linking, 1001);
});

Deno.test("a client that is terminated while it waits for the end is told so at once, and once", async () => {
  const linking = linked({ role: "client" });
  linking.stream.receive(serverClose(1001));
  await settle();
  linking.owner.terminate();
  assertEquals([linking.owner.closes.length, linking.stream.isClosed], [0, true]);
  await settle();
  assertGone(linking, 1001);
});

Deno.test("a client whose answer to a close cannot be written is told the close", async () => {
  const linking = linked({ role: "client" });
  linking.stream.failWrites(new Error("broken pipe"));
  linking.stream.receive(serverClose(1001), null);
  await settle();
  assertGone(linking, 1001);
});

Deno.test("a client refuses a masked frame with 1002, and tells the server", async () => {
  const linking = linked({ role: "client" });
  const { stream, owner, frames } = linking;
  stream.receive(textFrame("masked"));
  await settle();
  assertEquals([closeOf(frames()[0]).code, owner.messages.length], [1002, 0]);
  assertEquals([linking.logged, stream.isWriteClosed], [["frame refused"], true]);
  stream.receive(new Uint8Array(100_000), null);
  await settle();
  assertGone(linking, 1002);
});

Deno.test("a client sends no pings of its own", async () => {
  const linking = linked({ role: "client" });
  await linking.clock.advance(1_000_000);
  assertEquals([linking.clock.pending, linking.stream.writes.length], [0, 0]);
  assertEquals(linking.owner.closes, []);
});

Deno.test("a client tells 128 messages, then lets others have their turn, however many came", async () => {
  const linking = linked({ role: "client" });
  const { owner, stream } = linking;
  stream.receive(
    joined(Array.from({ length: 300 }, (_, i) => unmasked(1, utf8(String(i))))),
    serverClose(1000),
    null,
  );
  await settle();
  assertEquals(owner.messages.length, 128);
  await owner.closedOnce;
  assertEquals(owner.messages, Array.from({ length: 300 }, (_, i) => String(i)));
  assertGone(linking, 1000);
});

Deno.test("a client that is paused at the end of a turn tells nothing until it is resumed", async () => {
  const linking = linked({ role: "client" });
  const { owner, stream } = linking;
  owner.onMessage = () => {
    if (owner.messages.length === 128) owner.pause();
  };
  stream.receive(joined(Array.from({ length: 200 }, (_, i) => unmasked(1, utf8(String(i))))));
  await settle();
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve));
  assertEquals(owner.messages.length, 128);
  owner.resume();
  await owner.received(200);
  linking.link.terminate();
  await settle();
  assertGone(linking, 1006);
});

Deno.test("a client that is terminated or closed at the end of a turn tells nothing more", async () => {
  for (const end of ["terminate", "close"] as const) {
    const linking = linked({ role: "client" });
    const { owner, stream } = linking;
    owner.onMessage = () => {
      if (owner.messages.length < 128) return;
      if (end === "close") owner.close(1000, "");
      else owner.terminate();
    };
    stream.receive(
      joined(Array.from({ length: 200 }, (_, i) => unmasked(1, utf8(String(i))))),
      serverClose(1000),
      null,
    );
    await owner.closedOnce;
    assertEquals(owner.messages.length, 128);
    assertGone(linking, end === "close" ? 1000 : 1006);
  }
});
