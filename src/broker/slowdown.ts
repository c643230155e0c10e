import { networkOf } from "../link/ws_gate.ts";
import { NAME_BYTES_MAX } from "../protocol/limits.ts";
import type { Clock } from "../util/clock.ts";

/** Attempts of one subject from one address that are checked at once; each further one pauses. */
const ATTEMPTS_FREE = 3;
/** The first pause of a subject and an address, in milliseconds; each failure doubles it. */
const PAUSE_MS_MIN = 200;
/** The longest pause, in milliseconds. */
const PAUSE_MS_MAX = 30_000;
/** Failures of one address within {@link FORGET_MS} after which each of its attempts pauses. */
const ADDRESS_FAILURES_FREE = 20;
/** Failures on one subject within {@link FORGET_MS} after which each attempt on it pauses. */
const SUBJECT_FAILURES_FREE = 10;
/**
 * That pause, in milliseconds. It is short, since the owner of a name pays it for what strangers did: it
 * slows them down, and cannot lock the owner out.
 */
const SHARED_PAUSE_MS = 500;
/** The longest time that an attempt waits, in milliseconds: a login may be under way for 5 s (D28). */
const WAIT_MS_MAX = 4_000;
/** How long a check may take before the next attempt may begin, in milliseconds. */
const CHECK_MS_MAX = 2_000;
/** UTF-16 units of a subject: a name, or a tenant with some words around it. Exceeded: all such are one. */
const SUBJECT_UNITS_MAX: number = NAME_BYTES_MAX + 32;
/** What failed is forgotten after so long, in milliseconds. */
const FORGET_MS: number = 10 * 60_000;
/** Pairs, addresses and subjects that are remembered, each. Exceeded: the oldest is forgotten. */
const ENTRIES_MAX = 10_000;

/** Whose login it is, and where it comes from. */
export interface AttemptKeys {
  /** The name that is claimed, or the tenant whose PIN is given. */
  readonly subject: string;
  /** The host of the peer, without its port. An IPv6 network counts as one address. */
  readonly address: string;
}

interface Entry {
  count: number;
  /** When it was begun or, where each new one counts, when the last one came. */
  atMs: number;
  /** From then on the next attempt may be checked. */
  readyAtMs: number;
  /** Until then another attempt waits for its check, or is checked. */
  busyUntilMs: number;
}

/**
 * Slows down who guesses keys and PINs (issue 4): between a failure and the next check passes a pause, which grows
 * with what failed.
 *
 * - Subject and address together: after 3 failures 200 ms, doubled by each further one, at most 30 s; one
 *   attempt at a time.
 * - An address, with whatever subject: 500 ms after 20 failures in 10 minutes.
 * - A subject, from whatever address: 500 ms after 10 failures in 10 minutes.
 *
 * An attempt counts as failed until it succeeded, so that many at once gain nothing. The pause runs from the last
 * failure: an owner who repeats with patience gets in, whatever was tried before.
 */
export class Slowdown {
  readonly #clock: Clock;
  readonly #pairs: Tally;
  readonly #addresses: Tally;
  readonly #subjects: Tally;

  /** Counts with the time of this clock. */
  constructor(clock: Clock) {
    this.#clock = clock;
    this.#pairs = new Tally("last");
    this.#addresses = new Tally("first");
    this.#subjects = new Tally("first");
  }

  /**
   * An attempt comes. Returns the pause in milliseconds before it may be checked, or `null` when it is
   * refused at once and unchecked: another one of this pair is under way, or the pause is longer than a login may be
   * under way.
   */
  begin(given: AttemptKeys): number | null {
    const { pair, address, subject } = keysOf(given);
    const nowMs = this.#clock.now();
    const known = this.#pairs.get(pair, nowMs);
    const isSlowed = known !== undefined && known.count >= ATTEMPTS_FREE;
    if (isSlowed && nowMs < known.busyUntilMs) return null;
    const pauseMs = Math.max(
      isSlowed ? known.readyAtMs - nowMs : 0,
      this.#addresses.countOf(address, nowMs) >= ADDRESS_FAILURES_FREE ? SHARED_PAUSE_MS : 0,
      this.#subjects.countOf(subject, nowMs) >= SUBJECT_FAILURES_FREE ? SHARED_PAUSE_MS : 0,
    );
    if (pauseMs > WAIT_MS_MAX) return null;
    this.#pairs.add(pair, nowMs).busyUntilMs = nowMs + pauseMs + CHECK_MS_MAX;
    return pauseMs;
  }

  /** The attempt was checked and is wrong. */
  failed(given: AttemptKeys): void {
    const { pair, address, subject } = keysOf(given);
    const nowMs = this.#clock.now();
    const known = this.#pairs.touch(pair, nowMs);
    if (known !== undefined) {
      known.busyUntilMs = nowMs;
      known.readyAtMs = nowMs + pairPauseMs(known.count);
    }
    this.#addresses.add(address, nowMs);
    this.#subjects.add(subject, nowMs);
  }

  /** The attempt was checked and is right: the pair is forgotten, not what others did. */
  succeeded(given: AttemptKeys): void {
    this.#pairs.delete(keysOf(given).pair);
  }

  /** Entries in memory. */
  get size(): number {
    return this.#pairs.size + this.#addresses.size + this.#subjects.size;
  }
}

/** What is counted under. Whatever is too long to be right is one subject: it takes no memory of its own. */
function keysOf(
  { subject: given, address: host }: AttemptKeys,
): AttemptKeys & { readonly pair: string } {
  const subject = given.length > SUBJECT_UNITS_MAX ? "" : given;
  const address = networkOf(host);
  // No address has a space in it.
  return { subject, address, pair: `${address} ${subject}` };
}

function pairPauseMs(failures: number): number {
  if (failures < ATTEMPTS_FREE) return 0;
  return Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** (failures - ATTEMPTS_FREE));
}

/** Counts what came under each key, for a limited time and a limited number of keys. */
class Tally {
  /** Whether time runs from the first or from the last one that came. */
  readonly #from: "first" | "last";
  /** Key -> entry; the one whose time began first is the first. */
  readonly #entries = new Map<string, Entry>();

  constructor(from: "first" | "last") {
    this.#from = from;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string, nowMs: number): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || nowMs - entry.atMs <= FORGET_MS) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  countOf(key: string, nowMs: number): number {
    return this.get(key, nowMs)?.count ?? 0;
  }

  add(key: string, nowMs: number): Entry {
    const known = this.get(key, nowMs);
    if (known !== undefined) {
      known.count++;
      this.touch(key, nowMs);
      return known;
    }
    this.#forgetOld(nowMs);
    const made: Entry = { count: 1, atMs: nowMs, readyAtMs: nowMs, busyUntilMs: nowMs };
    this.#entries.set(key, made);
    return made;
  }

  /** Time runs anew, if it runs from the last one. */
  touch(key: string, nowMs: number): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || this.#from === "first") return entry;
    entry.atMs = nowMs;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry;
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  /** Makes room for one more. */
  #forgetOld(nowMs: number): void {
    for (const [key, { atMs }] of this.#entries) {
      if (this.#entries.size < ENTRIES_MAX && nowMs - atMs <= FORGET_MS) return;
      this.#entries.delete(key);
    }
  }
}
