// Goal: a component that missed a million messages gets each of them once and in order, by an exact topic and
// by `**`, while its link is cut again and again.
// Method: the log is filled, the component connects over links in memory that a seed cuts at random.
import { assertEquals } from "@std/assert";
import { Broker } from "../../src/broker/broker.ts";
import { component } from "../../src/client/component.ts";
import type { Link } from "../../src/link/link.ts";
import { memoryPair } from "../../src/link/memory.ts";
import { denoLogFiles } from "../../src/log/deno_files.ts";
import { openMessageLog } from "../../src/log/open_message_log.ts";
import { LAST_RECEIVED } from "../../src/peer/api.ts";
import { encodeCbor } from "../../src/protocol/cbor.ts";
import type { MsgId } from "../../src/protocol/packet.ts";
import { MemoryStateStore } from "../helpers/memory_state_store.ts";
import { countFromEnv } from "../helpers/mutate.ts";
import { SeededRandom } from "../helpers/seeded_random.ts";

const MESSAGES = countFromEnv("REMBUS_OFFLINE_MESSAGES", 100_000);
const SEED = countFromEnv("REMBUS_OFFLINE_SEED", 1);
const CUTS = 20;

/** What one subscription got: each message must be the next one. */
class Line {
  next = 0;
  #wrong: string | null = null;

  take(value: number): void {
    if (value !== this.next) this.#wrong ??= `expected ${this.next}, got ${value}`;
    this.next++;
  }

  check(): void {
    assertEquals([this.next, this.#wrong], [MESSAGES, null]);
  }
}

Deno.test(`${MESSAGES} missed messages come once and in order over ${CUTS} cuts, seed ${SEED}`, async () => {
  const directory = await Deno.makeTempDir();
  const random = new SeededRandom(SEED);
  const log = await openMessageLog({ files: denoLogFiles(directory) });
  const state = new MemoryStateStore({ isLazy: true });
  const broker = new Broker({ journal: log, state, drainMs: 0 });
  let link: Link | null = null;
  const dial = (): Promise<Link> => {
    const [ours, theirs] = memoryPair();
    broker.accept(theirs);
    link = ours;
    return Promise.resolve(ours);
  };
  const options = { dial, reconnectMinMs: 1, reconnectMaxMs: 5, requestTimeoutMs: 60_000 };
  const lines = { exact: new Line(), space: new Line() };
  const received = Promise.withResolvers<void>();
  const cutAt = Array.from({ length: CUTS }, () => random.below(2 * MESSAGES)).sort((a, b) =>
    a - b
  );
  let count = 0;
  const took = (): void => {
    count++;
    if (count >= (cutAt[0] ?? Infinity)) {
      cutAt.shift();
      link?.terminate();
    }
    if (lines.exact.next >= MESSAGES && lines.space.next >= MESSAGES) received.resolve();
  };
  const announce = async () => {
    const sub = await component("ws://broker/sub", options);
    await sub.subscribe("n", (value: number) => {
      lines.exact.take(value);
      took();
    }, { from: LAST_RECEIVED });
    await sub.subscribe("**", (_topic: string, value: number) => {
      lines.space.take(value);
      took();
    }, { from: LAST_RECEIVED });
    return sub;
  };
  try {
    await (await announce()).close();
    for (let n = 0; n < MESSAGES; n++) {
      const appended = log.append({
        kind: "publication",
        id: BigInt(n + 1) as MsgId,
        slot: null,
        qos: 2,
        publisher: "pub",
        isAnonymous: false,
        topic: "n",
        data: encodeCbor([n]),
      });
      if (appended.kind === "busy") {
        await log.writable();
        n--;
      }
    }
    await log.flush();
    const sub = await announce();
    await received.promise;
    for (const line of Object.values(lines)) line.check();
    assertEquals(cutAt, []);
    await sub.close();
  } finally {
    await broker.close();
    await log.close();
    await Deno.remove(directory, { recursive: true });
  }
});
