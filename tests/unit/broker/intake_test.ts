import { assertEquals } from "@std/assert";
import { Intake, type IntakeParts } from "../../../src/broker/intake.ts";
import type { Journal } from "../../../src/broker/journal.ts";
import { STALLED_BYTES_MAX } from "../../../src/broker/limits.ts";
import type { Publish } from "../../../src/protocol/packet.ts";
import { Payload } from "../../../src/protocol/payload.ts";
import { SILENT } from "../../../src/util/log.ts";
import { ManualClock, settle } from "../../helpers/manual_clock.ts";

function publication(data: unknown = [1]): Publish {
  return {
    type: "publish",
    id: null,
    topic: "t",
    qos: 0,
    slot: null,
    data: Payload.fromValue(data),
    extras: null,
    frame: null,
  };
}

/** A journal of which a test says when it has room. */
function fakeJournal() {
  let waiting: PromiseWithResolvers<void> | null = null;
  return {
    writable(signal?: AbortSignal): Promise<void> {
      const next = waiting = Promise.withResolvers<void>();
      signal?.addEventListener("abort", () => next.reject(signal.reason), { once: true });
      return next.promise;
    },
    hasRoom: () => waiting?.resolve(),
    fails: (error: Error) => waiting?.reject(error),
  };
}

function start(parts: Partial<IntakeParts> = {}) {
  const clock = new ManualClock();
  const journal = fakeJournal();
  const state = { takes: true, isReading: true, isOpen: true, taken: 0, closes: [] as number[] };
  const intake = new Intake({
    clock,
    journal: journal as unknown as Journal,
    logger: SILENT,
    rateLimit: {},
    ...parts,
  }, {
    name: "peer",
    get isOpen() {
      return state.isOpen;
    },
    reading: {
      pause: () => void (state.isReading = false),
      resume: () => void (state.isReading = true),
    },
    tryPublish() {
      if (state.takes) state.taken++;
      return state.takes;
    },
    close(code) {
      state.isOpen = false;
      state.closes.push(code);
    },
  });
  return { clock, journal, intake, state };
}

Deno.test("publish() stops reading while the journal is full, and takes what waits in order", async () => {
  const { intake, journal, state } = start();
  intake.publish(publication());
  state.takes = false;
  intake.publish(publication());
  intake.publish(publication());
  assertEquals([state.taken, state.isReading], [1, false]);
  state.takes = true;
  journal.hasRoom();
  await settle();
  assertEquals([state.taken, state.isReading], [3, true]);
});

Deno.test("publish() closes when more waits than may", () => {
  const { intake, state } = start();
  state.takes = false;
  intake.publish(publication());
  intake.publish(publication([new Uint8Array(STALLED_BYTES_MAX)]));
  assertEquals(state.closes, [1013]);
});

Deno.test("a journal that fails closes the session, once it is over nothing happens", async () => {
  const { intake, journal, state } = start();
  state.takes = false;
  intake.publish(publication());
  journal.fails(new Error("broken"));
  await settle();
  assertEquals(state.closes, [1011]);
  const other = start();
  other.state.takes = false;
  other.intake.publish(publication());
  other.state.isOpen = false;
  other.intake.end();
  await settle();
  assertEquals(other.state.closes, []);
});

Deno.test("count() stops reading above the rate, until it is within again", async () => {
  const { clock, intake, state } = start({ rateLimit: { messages: 10 } });
  for (let n = 0; n < 10; n++) intake.count(publication());
  assertEquals(state.isReading, true);
  intake.count(publication());
  assertEquals(state.isReading, false);
  await clock.advance(99);
  assertEquals(state.isReading, false);
  await clock.advance(1);
  assertEquals(state.isReading, true);
});

Deno.test("count() counts bytes of payloads, and nothing without a limit", () => {
  const limited = start({ rateLimit: { bytes: 100 } });
  limited.intake.count(publication([new Uint8Array(200)]));
  assertEquals(limited.state.isReading, false);
  limited.intake.end();
  const free = start();
  free.intake.count(publication([new Uint8Array(1_000_000)]));
  assertEquals([free.state.isReading, free.clock.pending], [true, 0]);
});

Deno.test("reading goes on when neither journal nor rate is against it", async () => {
  const { clock, intake, journal, state } = start({ rateLimit: { messages: 1 } });
  state.takes = false;
  intake.count(publication());
  intake.publish(publication());
  intake.count(publication());
  state.takes = true;
  journal.hasRoom();
  await settle();
  assertEquals(state.isReading, false, "the rate is still exceeded");
  await clock.advance(1_000);
  assertEquals(state.isReading, true);
});
