import { SEEK_BYTES, TOPIC_INDEX_BYTES_MAX } from "./limits.ts";
import { RECORDS_AT } from "./segment_header.ts";

/** Where a topic occurs in a segment. */
export interface TopicSpan {
  /** Offset of its first record. */
  readonly first: number;
  /** Offset of its last record. */
  readonly last: number;
  /** How many records it has. */
  readonly count: number;
}

/** A record that a reader may begin at. */
export interface SeekPoint {
  /** Its offset. */
  readonly offset: number;
  /** Where in the file it begins. */
  readonly position: number;
  /** Its receive time. */
  readonly recvNs: bigint;
}

/** What an index begins with: an empty one, or one that was read from a file. */
export interface IndexContent {
  /** Offset of the first record. */
  readonly base: number;
  /** Offset of the last record or the last padded offset; `base - 1` when there is none. */
  readonly last: number;
  /** Where the last record ends. */
  readonly end: number;
  /** Receive time of the last record or padding; 0 when there is none. */
  readonly lastNs: bigint;
  /** Records, padding not counted. */
  readonly records: number;
  /** Points to begin at, in the order of the file. */
  readonly seeks: readonly SeekPoint[];
  /** Topic -> where it occurs; `null` when there are too many topics. */
  readonly topics: ReadonlyMap<string, TopicSpan> | null;
}

/** What an entry takes besides the text of the topic, in an index file. */
const TOPIC_BYTES = 22;
/** Upper bound for the UTF-8 bytes of one UTF-16 unit. */
const UNIT_BYTES_MAX = 3;

/** What is known of the records of one segment; grows with it. */
export class SegmentIndex implements IndexContent {
  readonly base: number;
  #last: number;
  #end: number;
  #lastNs: bigint;
  #records: number;
  readonly #seeks: SeekPoint[];
  #topics: Map<string, TopicSpan> | null;
  #topicBytes = 0;

  /** Takes what is known already. */
  constructor(content: IndexContent) {
    this.base = content.base;
    this.#last = content.last;
    this.#end = content.end;
    this.#lastNs = content.lastNs;
    this.#records = content.records;
    this.#seeks = [...content.seeks];
    this.#topics = content.topics === null ? null : new Map(content.topics);
    for (const topic of this.#topics?.keys() ?? []) this.#topicBytes += sizeOf(topic);
  }

  /** The index of a segment without records. */
  static empty(base: number): SegmentIndex {
    return new SegmentIndex({
      base,
      last: base - 1,
      end: RECORDS_AT,
      lastNs: 0n,
      records: 0,
      seeks: [],
      topics: new Map(),
    });
  }

  get last(): number {
    return this.#last;
  }

  get end(): number {
    return this.#end;
  }

  get lastNs(): bigint {
    return this.#lastNs;
  }

  get records(): number {
    return this.#records;
  }

  get seeks(): readonly SeekPoint[] {
    return this.#seeks;
  }

  get topics(): ReadonlyMap<string, TopicSpan> | null {
    return this.#topics;
  }

  /** Offsets up to `through` and times up to `recvNs` hold no message; the padding ends at `end`. */
  addPadding(
    { through, end, recvNs }: {
      readonly through: number;
      readonly end: number;
      readonly recvNs: bigint;
    },
  ): void {
    this.#last = Math.max(this.#last, through);
    this.#lastNs = recvNs > this.#lastNs ? recvNs : this.#lastNs;
    this.#end = end;
  }

  /** Adds records that lie one behind the other: the first one, and where and how the last one ends. */
  addRecords(
    first: SeekPoint,
    rest: { readonly last: number; readonly lastNs: bigint; readonly end: number; count: number },
  ): void {
    const before = this.#seeks.at(-1);
    if (before === undefined || first.position >= before.position + SEEK_BYTES) {
      this.#seeks.push(first);
    }
    this.#last = rest.last;
    this.#lastNs = rest.lastNs;
    this.#end = rest.end;
    this.#records += rest.count;
  }

  /** Adds occurrences of a topic, later than those that are known. */
  addTopic(topic: string, span: TopicSpan): void {
    if (this.#topics === null) return;
    const known = this.#topics.get(topic);
    if (known !== undefined) {
      this.#topics.set(topic, {
        first: known.first,
        last: span.last,
        count: known.count + span.count,
      });
      return;
    }
    this.#topicBytes += sizeOf(topic);
    if (this.#topicBytes > TOPIC_INDEX_BYTES_MAX) this.#topics = null;
    else this.#topics.set(topic, span);
  }

  /** The last point to begin at for an offset; `null` for the beginning of the segment. */
  seekOffset(offset: number): SeekPoint | null {
    return this.#seekLast((point) => point.offset <= offset);
  }

  /** The last point to begin at for a receive time; `null` for the beginning of the segment. */
  seekTime(recvNs: bigint): SeekPoint | null {
    return this.#seekLast((point) => point.recvNs <= recvNs);
  }

  /** From where to where topics that match occur; `null` when none does. */
  rangeOf(matches: (topic: string) => boolean): { first: number; last: number } | null {
    if (this.#topics === null) return { first: this.base, last: this.#last };
    let range: { first: number; last: number } | null = null;
    for (const [topic, { first, last }] of this.#topics) {
      if (!matches(topic)) continue;
      range = range === null
        ? { first, last }
        : { first: Math.min(range.first, first), last: Math.max(range.last, last) };
    }
    return range;
  }

  #seekLast(isBefore: (point: SeekPoint) => boolean): SeekPoint | null {
    let low = 0;
    let high = this.#seeks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const point = this.#seeks[middle];
      if (point !== undefined && isBefore(point)) low = middle + 1;
      else high = middle;
    }
    return this.#seeks[low - 1] ?? null;
  }
}

function sizeOf(topic: string): number {
  return TOPIC_BYTES + UNIT_BYTES_MAX * topic.length;
}
