import { denoLogFiles } from "../../src/log/deno_files.ts";
import { openMessageLog } from "../../src/log/open_message_log.ts";
import { encodeCbor } from "../../src/protocol/cbor.ts";
import type { MsgId, QoS } from "../../src/protocol/packet.ts";

/** Records between two turns of the event loop, in which they reach the disk. */
const TURN_RECORDS = 10_000;
/** Devices that the filled messages are from. */
const DEVICES = 100;

/** Topic of the messages of QoS 1 that are read again. */
export const REPLAY_TOPICS: Readonly<Record<0 | 1, string>> = { 0: "bench/zero", 1: "bench/one" };

/** What a log is filled with. */
export interface FillPlan {
  /** Directory of all brokers. */
  readonly dir: string;
  readonly messages: number;
  /** How many of them, the first ones, are on each of {@link REPLAY_TOPICS}; the others fill tables. */
  readonly replayed: number;
}

/** Fills the log of a broker that does not run: over a link, ten million messages would take minutes. */
export async function fillLog({ dir, messages, replayed }: FillPlan): Promise<void> {
  await using log = await openMessageLog({ files: denoLogFiles(`${dir}/broker/log`) });
  const text = encodeCbor(["x".repeat(64)]);
  const telemetry = encodeCbor([{ temperature: 21.6, pressure: 980.5 }]);
  for (let n = 0; n < messages; n++) {
    const isReplayed = n < 2 * replayed;
    const qos: QoS = isReplayed && n % 2 === 0 ? 0 : 1;
    const entry = {
      kind: "publication",
      id: qos === 0 ? null : BigInt(n + 1) as MsgId,
      slot: null,
      qos,
      publisher: "filler",
      isAnonymous: false,
      topic: isReplayed ? REPLAY_TOPICS[qos === 0 ? 0 : 1] : `d${n % DEVICES}/telemetry`,
      data: isReplayed ? text : telemetry,
    } as const;
    // QoS 0 would not be logged when the queue is full, so that room is waited for beforehand.
    if (n % TURN_RECORDS === 0) await log.flush();
    const appended = log.append(entry);
    if (appended.kind !== "logged") throw new Error(`Cannot fill the log: ${appended.kind}`);
  }
}
