import { assertEquals, assertRejects } from "@std/assert";
import { runCommand, valueOfCommand } from "../../../src/client/command.ts";
import { Session } from "../../../src/client/session.ts";
import { memoryPair } from "../../../src/link/memory.ts";
import { RembusError, TimeoutError } from "../../../src/protocol/errors.ts";
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

Deno.test("valueOfCommand() gives the data of the answer, and rejects with a refusal", async () => {
  assertEquals(await valueOfCommand(open([0, ["a"]]).session, COMMAND, {}), ["a"]);
  const error = await assertRejects(
    () => valueOfCommand(open([10, "unauthorized"]).session, COMMAND, {}),
    RembusError,
    "Cannot do it: unauthorized",
  );
  assertEquals(error.status, 10);
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
