import type { Clock, Timer } from "../util/clock.ts";
import type { Random } from "../util/random.ts";
import type { Newcomer } from "./newcomer.ts";
import { CHALLENGE_MS, LOGIN_MS } from "./limits.ts";

/** A challenge that was sent, and is good for one answer. */
export interface Challenge {
  readonly bytes: Uint8Array;
  /** The name that asked for it; `null` when it was sent unasked. */
  readonly name: string | null;
}

/** One login under way. */
interface Pending {
  challenge: Challenge | null;
  /** Ends the session. */
  deadline: Timer | null;
  /** Sends a challenge unasked. */
  unasked: Timer | null;
}

/** Bytes of a challenge, as 64-bit numbers (spec 12.4 #56). */
const CHALLENGE_WORDS = 4;
const WORD_BYTES = 8;

/** The logins under way of a broker: their challenges and their deadlines (D28). */
export class PendingLogins {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #pending = new Map<Newcomer, Pending>();
  /** Sessions of which an answer or a PIN is checked: one at a time each. */
  readonly #checking = new Set<Newcomer>();

  constructor(parts: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = parts.clock;
    this.#random = parts.random;
  }

  /** Logins under way. */
  get size(): number {
    return this.#pending.size;
  }

  /** A session begins that may do nothing before it has logged in. `ask` sends it a challenge unasked. */
  expect(newcomer: Newcomer, ask: () => void): void {
    const pending = this.#of(newcomer);
    pending.unasked = this.#clock.setTimer(() => {
      pending.unasked = null;
      if (pending.challenge === null && !this.#checking.has(newcomer)) ask();
    }, CHALLENGE_MS);
  }

  /** A new challenge for a session; one that it did not answer yet is void. */
  challenge(newcomer: Newcomer, name: string | null): Uint8Array {
    const pending = this.#of(newcomer);
    pending.unasked?.cancel();
    pending.unasked = null;
    // One that was sent unasked may cross with the name: the answer to either is the same.
    const isUnasked = pending.challenge !== null && pending.challenge.name === null;
    const bytes = isUnasked && pending.challenge !== null
      ? pending.challenge.bytes
      : this.#makeChallenge();
    pending.challenge = { bytes, name };
    newcomer.setPending(true);
    return bytes;
  }

  /** The challenge that a session answers, which is void from now on; `null` when there is none, or one is checked. */
  take(newcomer: Newcomer): Challenge | null {
    const pending = this.#pending.get(newcomer);
    if (pending === undefined || this.#checking.has(newcomer)) return null;
    const { challenge } = pending;
    pending.challenge = null;
    return challenge;
  }

  /** Whether an answer or a PIN of this session is being checked. */
  isChecking(newcomer: Newcomer): boolean {
    return this.#checking.has(newcomer);
  }

  /** Something of a session is checked now; it may try nothing else meanwhile. */
  checking(newcomer: Newcomer, isChecking: boolean): void {
    if (isChecking) this.#checking.add(newcomer);
    else this.#checking.delete(newcomer);
  }

  /** A login is over, however it ended: the session has as much time and room as any other. */
  settle(newcomer: Newcomer): void {
    this.forget(newcomer);
    newcomer.setPending(false);
  }

  /** A session is over. */
  forget(newcomer: Newcomer): void {
    const pending = this.#pending.get(newcomer);
    if (pending === undefined) return;
    this.#pending.delete(newcomer);
    pending.deadline?.cancel();
    pending.unasked?.cancel();
  }

  /** Nothing is waited for any more. */
  close(): void {
    for (const newcomer of [...this.#pending.keys()]) this.forget(newcomer);
  }

  #of(newcomer: Newcomer): Pending {
    const known = this.#pending.get(newcomer);
    if (known !== undefined) return known;
    const pending: Pending = { challenge: null, deadline: null, unasked: null };
    pending.deadline = this.#clock.setTimer(() => newcomer.close(1008, "login timeout"), LOGIN_MS);
    this.#pending.set(newcomer, pending);
    newcomer.setPending(true);
    return pending;
  }

  #makeChallenge(): Uint8Array {
    const bytes = new Uint8Array(CHALLENGE_WORDS * WORD_BYTES);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < CHALLENGE_WORDS; at++) {
      view.setBigUint64(at * WORD_BYTES, this.#random.u64());
    }
    return bytes;
  }
}
