import type { Chunk, Chunks } from "./chunks.ts";
import { Look, RecordView } from "./record.ts";
import { align, ALIGNMENT } from "./span.ts";

/** A place in a file that could not be read as records. */
export interface Damage {
  /** Name of the file. */
  readonly name: string;
  /** Where it begins. */
  readonly position: number;
  /** How many bytes it takes. */
  readonly bytes: number;
  /** The first offset that is missing. */
  readonly from: number;
  /** The first offset behind it that is not missing; the same as `from` when no record was there. */
  readonly to: number;
}

/** What a cursor reads. */
export interface CursorOptions {
  /** Name of the segment. */
  readonly name: string;
  /** Position to begin at. */
  readonly position: number;
  /** Offset of the record there. */
  readonly expected: number;
  /** Position to end at. */
  readonly end: number;
  /** Offset to end before: records from here on are not seen, whatever is in the file. */
  readonly stop: number;
  /** The log's marker. */
  readonly marker: number;
  /** Told about each place of damage that has a record behind it, and about what is missing at the end. */
  readonly onDamage: (damage: Damage) => void;
}

/** Sees one record; the view changes with the next. */
export type Visit = (view: RecordView, position: number) => void;

/** The file of a segment is not there any more: retention dropped it. */
export class SegmentGone extends Error {
  /** Name of the class. */
  override readonly name = "SegmentGone";
}

/**
 * Reads the records of one segment from front to back, and finds the next whole one behind damage. Every
 * checksum is checked. What the offsets say is checked, too: a record that is older than what was expected
 * is a remnant, and one that is newer shows that others are missing.
 */
export class SegmentCursor {
  readonly #options: CursorOptions;
  readonly #chunks: Chunks;
  readonly #view = new RecordView();
  #position: number;
  #expected: number;
  /** Where the damage begins that is being skipped. */
  #holeAt: number | null = null;
  /** Bytes of a record that goes on behind the chunk. */
  #wanted = 0;
  #isDone = false;

  /** Makes a cursor that has read nothing yet. */
  constructor(chunks: Chunks, options: CursorOptions) {
    this.#chunks = chunks;
    this.#options = options;
    this.#position = options.position;
    this.#expected = options.expected;
  }

  /** Where it looks next. */
  get position(): number {
    return this.#position;
  }

  /** The offset of the next record. */
  get expected(): number {
    return this.#expected;
  }

  /** Where the damage begins that no record was found behind so far; `null` when there is none. */
  get holeAt(): number | null {
    return this.#holeAt;
  }

  /**
   * Shows the records of the next chunk. Returns `false` when there are no more.
   *
   * @throws {SegmentGone} When the file was removed.
   */
  async step(visit: Visit): Promise<boolean> {
    if (this.#isDone) return false;
    const { name, end, stop } = this.#options;
    if (this.#position >= end || this.#expected >= stop) return this.#finish();
    const chunk = await this.#chunks.at(name, this.#position, end);
    if (chunk === null) throw new SegmentGone(`Cannot read log file "${name}": it was removed`);
    if (chunk.length <= this.#position - chunk.start) return this.#finish();
    this.#wanted = 0;
    this.#walk(chunk, visit);
    if (this.#wanted > 0) await this.#walkAcross(visit);
    return true;
  }

  /** Whatever is left, at once. */
  async run(visit: Visit): Promise<void> {
    while (await this.step(visit));
  }

  #walk(chunk: Chunk, visit: Visit): void {
    const { end: fileEnd, marker } = this.#options;
    const end = Math.min(chunk.length, fileEnd - chunk.start);
    const options = { end, marker };
    let at = this.#position - chunk.start;
    while (at < end) {
      const look = this.#view.look(chunk.span, at, options);
      if (look === Look.CUT && chunk.start + at + this.#view.bytes <= fileEnd) {
        this.#wanted = this.#view.bytes;
        break;
      }
      if (look === Look.RECORD && this.#isBehind(chunk.start + at)) break;
      if (look === Look.RECORD && this.#take(visit, chunk.start + at)) at += this.#view.bytes;
      else at = this.#skip(chunk, at, end);
    }
    this.#position = chunk.start + at;
  }

  /** A record that no single chunk holds. */
  async #walkAcross(visit: Visit): Promise<void> {
    const { name, end, marker } = this.#options;
    for (let wanted = this.#wanted;;) {
      const span = await this.#chunks.across(name, this.#position, wanted);
      const look = span === null ? Look.NONE : this.#view.look(span, 0, { end: wanted, marker });
      // Only the header was cut off so far; now it says how long the record is.
      const isLonger = look === Look.CUT && this.#view.bytes > wanted;
      if (isLonger && this.#position + this.#view.bytes <= end) {
        wanted = this.#view.bytes;
        continue;
      }
      if (look === Look.RECORD && this.#isBehind(this.#position)) return;
      if (look === Look.RECORD && this.#take(visit, this.#position)) {
        this.#position += this.#view.bytes;
      } else {
        this.#holeAt ??= this.#position;
        this.#position += ALIGNMENT;
      }
      return;
    }
  }

  /** Whether the record in view is behind what is wanted: the end, and the place to go on from. */
  #isBehind(position: number): boolean {
    if (this.#view.offset < this.#options.stop) return false;
    this.#isDone = true;
    this.#reportEnd(position);
    return true;
  }

  /** Takes the record in view, unless it is a remnant. */
  #take(visit: Visit, position: number): boolean {
    const view = this.#view;
    if (view.offset < this.#expected) return false;
    this.#reportMissing(position, view.offset);
    this.#holeAt = null;
    visit(view, position);
    this.#expected = view.through + 1;
    return true;
  }

  /** Passes over bytes that are no record, up to the next marker. */
  #skip(chunk: Chunk, from: number, end: number): number {
    this.#holeAt ??= chunk.start + from;
    const { marker } = this.#options;
    const { view } = chunk.span;
    let at = from + ALIGNMENT;
    while (at + 4 <= end && view.getUint32(at, true) !== marker) at += ALIGNMENT;
    return Math.min(at, align(end));
  }

  #finish(): boolean {
    this.#isDone = true;
    this.#reportEnd(this.#position);
    return false;
  }

  /** At the end only missing records matter, and not bytes behind the last one. */
  #reportEnd(position: number): void {
    const { stop } = this.#options;
    if (Number.isFinite(stop) && this.#expected < stop) this.#reportMissing(position, stop);
  }

  #reportMissing(position: number, to: number): void {
    const from = this.#expected;
    const at = this.#holeAt ?? position;
    if (to === from && at === position) return;
    const { name, onDamage } = this.#options;
    onDamage({ name, position: at, bytes: position - at, from, to });
  }
}
