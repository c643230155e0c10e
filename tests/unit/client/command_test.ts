import { assertEquals, assertRejects } from "@std/assert";
import { runCommand } from "../../../src/client/command.ts";
import { Session } from "../../../src/client/session.ts";
import { memoryPair } from "../../../src/link/memory.ts";
import { TimeoutError } from "../../../src/protocol/errors.ts";
import { SILENT } from "../../../src/util/log.ts";
import { commandOf, type FakeAnswer, FakeSession } from "../../helpers/fake_broker.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";
import { SeededRandom } from "../../helpers/seeded_random.ts";

const COMMAND = { action: "do it", topic: "t", data: { cmd: "do", x: 1 } } as const;

function open(answer: FakeAnswer) {
  const [ours, theirs] = memoryPair();
  const peer = new FakeSession(theirs, () => answer);
  const clock = new ManualClock();
  const session = new Session({
    link: ours,
    encoding: "cbor",
    clock,
    random: new SeededRandom(1),
    log: SILENT,
    requestTimeoutMs: 10_000,
    heartbeatMs: 0,
    heartbeatTimeoutMs: 1,
    onPacket: () => {},
  });
  return { clock, peer, session };
}

Deno.test("runCommand() gives null when the broker did it, else status and text of the refusal", async () => {
  const done = open([0, null]);
  assertEquals(await runCommand(done.session, COMMAND, {}), null);
  assertEquals(done.peer.received.map(commandOf), [{ cmd: "do", x: 1 }]);
  const refused = open([47, "do"]);
  const refusal = await runCommand(refused.session, COMMAND, {});
  assertEquals([refusal?.status, refusal?.message], [
    47,
    "Cannot do it: UNKNOWN_ADMIN_CMD:do",
  ]);
});

Deno.test("runCommand() rejects when the broker does not answer in the time of the call", async () => {
  const { session, clock } = open(null);
  const failed = assertRejects(
    () => runCommand(session, COMMAND, { timeoutMs: 5 }),
    TimeoutError,
  );
  await clock.advance(5);
  await failed;
});
