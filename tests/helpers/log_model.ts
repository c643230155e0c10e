import { assert, assertEquals } from "@std/assert";
import type { MessageLog } from "../../src/log/message_log.ts";
import type { QoS } from "../../src/protocol/packet.ts";
import { collect, entry, textOf } from "./log_entries.ts";
import type { SeededRandom } from "./seeded_random.ts";

/** What a publisher knows of its message. */
type Outcome = "open" | "acknowledged" | "refused";

interface Sent {
  readonly text: string;
  readonly qos: QoS;
  /** In which life of the log it was sent. */
  readonly life: number;
  outcome: Outcome;
  /** Whether the log worked again in the same run after the message was refused. */
  isRefusedForGood: boolean;
}

/** Everything that was ever given an offset in one log, over crashes, and what is promised about it. */
export class LogModel {
  /** Offset -> what was appended with it. */
  readonly #sent = new Map<number, Sent>();
  #count = 0;
  #life = 0;
  #lastNs = 0n;

  /** How many were acknowledged. */
  get acknowledged(): number {
    return this.#countOf("acknowledged");
  }

  /** How many were refused after they had an offset. */
  get refused(): number {
    return this.#countOf("refused");
  }

  /** The log was opened anew: what it refused while it was red, and died, nobody can promise anything for. */
  beginLife(): void {
    this.#life++;
  }

  /** Appends a message of any size and QoS, and notes what becomes of it. */
  append(log: MessageLog, random: SeededRandom): void {
    const qos = random.pick([0, 1, 1, 2] as const);
    const length = random.float() < 0.05 ? random.below(20_000) : random.below(400);
    const text = `${this.#count++} ${"z".repeat(length)}`;
    const result = log.append(entry(text, { qos, topic: `t${random.below(5)}` }));
    if (result.kind !== "logged") return;
    const { offset, recvNs } = result;
    assert(!this.#sent.has(offset), `offset ${offset} was given twice`);
    assert(recvNs > this.#lastNs, `receive time ${recvNs} after ${this.#lastNs}`);
    this.#lastNs = recvNs;
    const sent: Sent = {
      text,
      qos,
      life: this.#life,
      outcome: "open",
      isRefusedForGood: false,
    };
    this.#sent.set(offset, sent);
    if (qos === 0) return;
    log.committed(offset).then(
      () => sent.outcome = "acknowledged",
      () => sent.outcome = "refused",
    );
  }

  /** The log is green: what it refused before stays refused over every crash. */
  noteGreen(log: MessageLog): void {
    if (log.health.kind === "red") return;
    for (const sent of this.#sent.values()) {
      if (sent.outcome === "refused" && sent.life === this.#life) sent.isRefusedForGood = true;
    }
  }

  /** Reads the whole log, and fails when it breaks a promise. What retention dropped is not missed. */
  async check(log: MessageLog, options: { readonly isRetained?: boolean } = {}): Promise<void> {
    const records = await collect(log.read({ from: { offset: 1 } }));
    const found = new Map<number, string>();
    let before = 0;
    for (const record of records) {
      const { offset } = record;
      assert(offset > before, `offset ${offset} after ${before}`);
      before = offset;
      found.set(offset, textOf(record));
    }
    for (const [offset, text] of found) {
      const sent = this.#sent.get(offset);
      if (sent?.text === text) continue;
      const rightful = [...this.#sent].find(([, sent]) => sent.text === text);
      throw new Error(
        `ghost at offset ${offset}: "${text.slice(0, 20)}" belongs to ${rightful?.[0]}`,
      );
    }
    const first = options.isRetained === true ? log.first : 1;
    for (const [offset, { outcome, isRefusedForGood, text }] of this.#sent) {
      if (offset < first) continue;
      if (outcome === "acknowledged") {
        assertEquals(found.get(offset), text, `acknowledged offset ${offset} is lost`);
      }
      if (isRefusedForGood) assert(!found.has(offset), `refused offset ${offset} appeared`);
    }
    assertEquals(log.status.damage.places, 0);
  }

  #countOf(wanted: Outcome): number {
    let count = 0;
    for (const { outcome } of this.#sent.values()) if (outcome === wanted) count++;
    return count;
  }
}
