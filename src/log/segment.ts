import { indexName, RECORDS_AT, type SegmentHeader, segmentName } from "./segment_header.ts";

/** One file of the log, as far as it may be read. */
export class Segment {
  /** Offset of its first record. */
  readonly base: number;
  /** Name of its file. */
  readonly name: string;
  /** Name of the file with its index. */
  readonly indexName: string;
  /** Position behind the last record that may be read; what is behind it is not durable, or a remnant. */
  end: number = RECORDS_AT;
  /** The last offset that may be read; `base - 1` when there is none. */
  last: number;
  /** Its header, once it is written or read; `null` before, and when no copy of it is whole. */
  header: SegmentHeader | null = null;
  /** Bytes of its index file, as far as known. */
  indexBytes = 0;

  /** Makes a segment without records. */
  constructor(base: number) {
    this.base = base;
    this.name = segmentName(base);
    this.indexName = indexName(base);
    this.last = base - 1;
  }

  /** Bytes that it takes on the disk. */
  get bytes(): number {
    return this.end + this.indexBytes;
  }
}

/** The segments of a log, in the order of their offsets and without a hole between them. */
export class Segments {
  #list: readonly Segment[];

  /** Takes a sorted list. */
  constructor(list: readonly Segment[] = []) {
    this.#list = list;
  }

  /** All of them. The array does not change afterwards. */
  get all(): readonly Segment[] {
    return this.#list;
  }

  /** The first; `undefined` when there is none. */
  get oldest(): Segment | undefined {
    return this.#list[0];
  }

  /** The last; `undefined` when there is none. */
  get newest(): Segment | undefined {
    return this.#list.at(-1);
  }

  /** Bytes of all. */
  get bytes(): number {
    return this.#list.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Puts a segment at the end, in place of one with the same base. Returns the one that it replaces. */
  add(segment: Segment): Segment | null {
    const { newest } = this;
    const isReplaced = newest?.base === segment.base;
    this.#list = [...isReplaced ? this.#list.slice(0, -1) : this.#list, segment];
    return isReplaced ? newest ?? null : null;
  }

  /** Takes the oldest away. */
  removeOldest(): void {
    this.#list = this.#list.slice(1);
  }

  /** The segment with this offset; the oldest for an older one. `undefined` when there is none. */
  find(offset: number): Segment | undefined {
    return this.#list[Math.max(0, this.#countUpTo(offset) - 1)];
  }

  /** The segment behind another. `undefined` when it is the last. */
  after(segment: Segment): Segment | undefined {
    return this.#list[this.#countUpTo(segment.base)];
  }

  /** How many begin at or before an offset. */
  #countUpTo(offset: number): number {
    let low = 0;
    let high = this.#list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#list[middle]?.base ?? Infinity) <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
