import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";

/** One thing that somebody did to the rules, or tried to: a line of the audit trail. Never holds a secret. */
export interface AuditEntry {
  /** When, in milliseconds since the epoch. */
  readonly timeMs: number;
  /** Name of who did it; the broker's own for its handle. */
  readonly by: string;
  /** Where it came from, `127.0.0.1:5012`. */
  readonly remote: string;
  /** What was done: an admin command, `register`, `unregister`, `login`. */
  readonly action: string;
  /** What it was done to: a topic, a name, a tenant; `null` when it is about the broker. */
  readonly subject: string | null;
  /** The component that it is about besides, for example the one that was authorized. */
  readonly cid: string | null;
  /** Whether it was done, or refused and why. */
  readonly outcome: "done" | "refused" | "failed";
  /** Why not; `null` when it was done. */
  readonly reason: string | null;
}

/** Takes entries of the audit trail. Does not throw and does not wait. */
export type Audit = (entry: AuditEntry) => void;

/** What is noted; the trail adds the time. */
export type AuditNote = Omit<AuditEntry, "timeMs" | "reason" | "cid" | "subject"> & {
  readonly subject?: string | null;
  readonly cid?: string | null;
  readonly reason?: string | null;
};

/** Refusals noted in one window. Exceeded: they are counted, and the number is noted with the next entry after it. */
const REFUSALS_MAX = 50;
/** Length of that window, in milliseconds. */
const WINDOW_MS = 1_000;
/** Characters of a text that a peer sent. Exceeded: cut. */
const TEXT_MAX = 255;

/** Writes the audit trail: to the log of events, and to whoever keeps it. Who guesses cannot flood it. */
export class AuditTrail {
  readonly #audit: Audit;
  readonly #clock: Clock;
  readonly #log: Logger;
  #windowEndMs = -Infinity;
  #refusals = 0;
  #unlisted = 0;

  /** Notes into these. */
  constructor(parts: { readonly audit: Audit; readonly clock: Clock; readonly log: Logger }) {
    this.#audit = parts.audit;
    this.#clock = parts.clock;
    this.#log = parts.log;
  }

  /** Notes one thing. Never throws. */
  note({ subject = null, cid = null, reason = null, ...note }: AuditNote): void {
    if (note.outcome !== "done" && !this.#takesRefusal()) return;
    this.#listUnlisted(note);
    this.#write({
      ...note,
      by: cut(note.by),
      subject: cutOrNull(subject),
      cid: cutOrNull(cid),
      reason,
    });
  }

  #takesRefusal(): boolean {
    const nowMs = this.#clock.now();
    if (nowMs >= this.#windowEndMs) {
      this.#windowEndMs = nowMs + WINDOW_MS;
      this.#refusals = 0;
    }
    if (this.#refusals++ < REFUSALS_MAX) return true;
    this.#unlisted++;
    return false;
  }

  #listUnlisted({ by, remote }: Pick<AuditNote, "by" | "remote">): void {
    if (this.#unlisted === 0) return;
    const reason = `${this.#unlisted} more refusals were not listed`;
    this.#unlisted = 0;
    const entry = { by: cut(by), remote, action: "unlisted", outcome: "refused", reason } as const;
    this.#write({ ...entry, subject: null, cid: null });
  }

  #write(entry: Omit<AuditEntry, "timeMs">): void {
    const full: AuditEntry = { timeMs: Math.trunc(this.#clock.wallMs()), ...entry };
    if (entry.outcome === "done") this.#log.info("audit", { ...full });
    else this.#log.warn("audit", { ...full });
    try {
      this.#audit(full);
    } catch (error) {
      this.#log.error("audit not kept", { action: entry.action, error });
    }
  }
}

function cut(text: string): string {
  return text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX)}...`;
}

function cutOrNull(text: string | null): string | null {
  return text === null ? null : cut(text);
}
