import type { Clock, Timer } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import type { Catalog } from "./catalog.ts";
import { reasonOf } from "./errors.ts";
import type { LogFiles } from "./files.ts";
import { HELD_FACTOR, RETENTION_CHECK_MS } from "./limits.ts";
import { wallNs } from "./receive_times.ts";
import type { Segment } from "./segment.ts";
import type { SegmentWriter } from "./segment_writer.ts";

const NS_PER_MS = 1_000_000;

/** What is kept. */
export interface RetentionLimits {
  /** Age of the newest record of a segment, in milliseconds; older segments are dropped. */
  readonly retentionMs: number;
  /** Bytes of all segments; above it, the oldest is dropped. */
  readonly retentionBytes: number;
  /** Age of the first record of the segment that grows, in milliseconds; then a new one is begun. */
  readonly segmentMs: number;
  /** Free bytes of the disk below which held segments may not exceed `retentionBytes` at all. */
  readonly freeBytesMin: number;
}

/** What {@link Retention} needs. */
export interface RetentionParts {
  /** The directory. */
  readonly files: LogFiles;
  /** The segments. */
  readonly catalog: Catalog;
  /** What the age is measured with. */
  readonly clock: Clock;
  /** Where events go. */
  readonly logger: Logger;
  /** What is kept. */
  readonly limits: RetentionLimits;
  /** The segment that grows. */
  readonly growing: () => SegmentWriter | null;
  /** Begins a new segment. */
  readonly roll: () => void;
  /** Told when {@link Retention.isOverHeld} has changed. */
  readonly onChange: () => void;
}

/** Drops whole segments that are too old or too many, but none that is held (D22). Never the newest. */
export class Retention {
  readonly #parts: RetentionParts;
  #held: number | null = null;
  #isOverHeld = false;
  #dropped = 0;
  #timer: Timer | null = null;
  #check: Promise<void> | null = null;
  #isAgain = false;
  #isClosed = false;

  /** Makes one that does nothing before {@link start}. */
  constructor(parts: RetentionParts) {
    this.#parts = parts;
  }

  /** Whether held segments take more than they may: see `HELD_FACTOR` and `FREE_BYTES_MIN`. */
  get isOverHeld(): boolean {
    return this.#isOverHeld;
  }

  /** Segments dropped so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The first offset that must be kept; `null` when none must. */
  get held(): number | null {
    return this.#held;
  }

  /** Looks from time to time. */
  start(): void {
    this.#timer = this.#parts.clock.setTimer(() => {
      this.start();
      void this.check();
    }, RETENTION_CHECK_MS);
  }

  /** Keeps everything from `offset` on, or nothing in particular. */
  hold(offset: number | null): void {
    this.#held = offset;
    if (this.#isOverHeld) void this.check();
  }

  /** Looks now, if it has been started. Settles when it is done. */
  check(): Promise<void> {
    // Before that nobody can have said what is to be held.
    if (this.#timer === null) return Promise.resolve();
    this.#isAgain = true;
    return this.#check ??= this.#run();
  }

  /** Ends a look under way, and looks no more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#check;
  }

  async #run(): Promise<void> {
    while (this.#isAgain && !this.#isClosed) {
      this.#isAgain = false;
      try {
        await this.#look();
      } catch (error) {
        this.#parts.logger.warn("log segment not dropped", { reason: reasonOf(error) });
      }
    }
    this.#check = null;
  }

  async #look(): Promise<void> {
    const { catalog, limits: { retentionBytes } } = this.#parts;
    this.#rollOld();
    let isHeldBack = false;
    for (;;) {
      const { oldest, newest } = catalog.segments;
      if (oldest === undefined || oldest === newest || this.#isClosed) break;
      if (catalog.segments.bytes <= retentionBytes && !await this.#isOld(oldest)) break;
      isHeldBack = this.#held !== null && oldest.last >= this.#held;
      if (isHeldBack) break;
      await this.#drop(oldest);
    }
    this.#setOverHeld(isHeldBack && await this.#isOver());
  }

  /** A segment that grows slowly would keep its oldest records for ever. */
  #rollOld(): void {
    const { clock, growing, roll, limits: { segmentMs } } = this.#parts;
    const firstNs = growing()?.index.seeks[0]?.recvNs;
    if (firstNs !== undefined && firstNs < ago(clock, segmentMs)) roll();
  }

  async #isOld(oldest: Segment): Promise<boolean> {
    const { catalog, clock, limits: { retentionMs } } = this.#parts;
    const next = catalog.segments.after(oldest);
    if (next === undefined) return false;
    // No record of the oldest is later than the start of the next; where that is damaged, its index tells.
    const endNs = await catalog.startOf(next) ?? (await catalog.indexOf(oldest))?.lastNs;
    return endNs !== undefined && endNs < ago(clock, retentionMs);
  }

  async #drop(oldest: Segment): Promise<void> {
    const { files, catalog, logger } = this.#parts;
    await files.remove(oldest.name);
    catalog.removeOldest();
    this.#dropped++;
    logger.info("log segment dropped", { name: oldest.name, last: oldest.last });
    await files.remove(oldest.indexName);
    // One after the other, so that a power loss cannot bring one back without the one behind it.
    await files.syncDirectory();
  }

  async #isOver(): Promise<boolean> {
    const { files, catalog, limits: { retentionBytes, freeBytesMin } } = this.#parts;
    const { bytes } = catalog.segments;
    if (bytes > HELD_FACTOR * retentionBytes) return true;
    if (bytes <= retentionBytes) return false;
    const free = await files.freeBytes();
    return free !== null && free < freeBytesMin;
  }

  #setOverHeld(isOverHeld: boolean): void {
    if (isOverHeld === this.#isOverHeld) return;
    this.#isOverHeld = isOverHeld;
    this.#parts.logger.warn("log held segments", { isOverHeld, held: this.#held });
    this.#parts.onChange();
  }
}

function ago(clock: Clock, ms: number): bigint {
  return wallNs(clock) - BigInt(Math.trunc(ms * NS_PER_MS));
}
