import { BLOCK_BYTES, BLOCKS_KEPT_MAX, QUEUE_BYTES_MAX, QUEUE_RECORDS_MAX } from "./limits.ts";
import { type LogEntry, RECORD_HEADER_BYTES, recordBytes, writeRecord } from "./record.ts";
import type { TopicSpan } from "./segment_index.ts";
import { Span } from "./span.ts";
import type { TextBytes, Texts } from "./texts.ts";

/** Records in the form in which they go to the disk, and what the index wants to know of them. */
export class Block {
  /** The memory. The first `RECORD_HEADER_BYTES` are room for a padding. */
  readonly span: Span;
  /** Where the last record ends. */
  used: number = RECORD_HEADER_BYTES;
  /** Offset of the first record; 0 when there is none. */
  first = 0;
  /** Offset of the last record. */
  last = 0;
  /** Receive time of the first record. */
  firstNs = 0n;
  /** Receive time of the last record. */
  lastNs = 0n;
  /** Topic -> where it occurs. */
  readonly topics = new Map<string, TopicSpan>();
  /** Settled when the records are durable or refused; `null` when nobody waits. */
  waiter: PromiseWithResolvers<void> | null = null;

  /** Makes an empty block of this size. */
  constructor(bytes: number) {
    this.span = Span.ofSize(bytes);
  }

  /** Records in it. */
  get count(): number {
    return this.first === 0 ? 0 : this.last - this.first + 1;
  }

  /** Bytes of the records in it. */
  get bytes(): number {
    return this.used - RECORD_HEADER_BYTES;
  }

  /** Forgets the records. */
  clear(): void {
    this.used = RECORD_HEADER_BYTES;
    this.first = 0;
    this.last = 0;
    this.topics.clear();
    this.waiter = null;
  }
}

/** What the log adds to an entry. */
export interface Stamp {
  /** Its offset. */
  readonly offset: number;
  /** Its receive time. */
  readonly recvNs: bigint;
}

/** What an entry takes, see {@link AppendQueue.measure}. */
export interface Measured {
  /** Bytes of its record. */
  readonly bytes: number;
  /** Name of the publisher in UTF-8. */
  readonly publisher: TextBytes;
  /** Topic in UTF-8. */
  readonly topic: TextBytes;
}

/** What an {@link AppendQueue} needs. */
export interface AppendQueueOptions {
  /** The log's marker. */
  readonly marker: number;
  /** Topics and names in UTF-8. */
  readonly texts: Texts;
  /** Bytes that may wait. */
  readonly bytesMax?: number;
  /** Size of a block; segments that are smaller than usual have smaller ones. */
  readonly blockBytes?: number;
}

/** Records on their way to the disk, in blocks: those that wait, and those that are being written. */
export class AppendQueue {
  readonly #options: Required<AppendQueueOptions>;
  #waiting: Block[] = [];
  #writing: Block[] = [];
  readonly #spare: Block[] = [];
  #bytes = 0;
  #records = 0;
  #waitingBytes = 0;

  /** Makes an empty queue. */
  constructor(options: AppendQueueOptions) {
    this.#options = { bytesMax: QUEUE_BYTES_MAX, blockBytes: BLOCK_BYTES, ...options };
  }

  /** Bytes that are not durable yet. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes of them that are not being written. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Whether an entry finds room, see `QUEUE_BYTES_MAX`. One of any size does in an empty queue. */
  hasRoom(bytes: number): boolean {
    if (this.#records === 0) return true;
    return this.#bytes + bytes <= this.#options.bytesMax && this.#records < QUEUE_RECORDS_MAX;
  }

  /** What an entry will take. Throws `RangeError` for one that no record can hold. */
  measure(entry: LogEntry): Measured {
    const { texts } = this.#options;
    const publisher = texts.bytesOf(entry.publisher);
    const topic = texts.bytesOf(entry.topic);
    return { bytes: recordBytes(entry, publisher, topic), publisher, topic };
  }

  /** Adds an entry, which is copied. */
  push(entry: LogEntry, { bytes, publisher, topic }: Measured, { offset, recvNs }: Stamp): void {
    const { marker } = this.#options;
    const block = this.#blockFor(bytes);
    const at = block.used;
    writeRecord(block.span, entry, { marker, at, bytes, offset, recvNs, publisher, topic });
    block.used = at + bytes;
    if (block.first === 0) {
      block.first = offset;
      block.firstNs = recvNs;
    }
    block.last = offset;
    block.lastNs = recvNs;
    const span = block.topics.get(entry.topic);
    block.topics.set(entry.topic, {
      first: span?.first ?? offset,
      last: offset,
      count: (span?.count ?? 0) + 1,
    });
    this.#bytes += bytes;
    this.#waitingBytes += bytes;
    this.#records++;
  }

  /** Moves the oldest blocks to those being written: at least one, and no more than about `bytesMax`. */
  take(bytesMax: number): readonly Block[] {
    let bytes = 0;
    let count = 0;
    for (const block of this.#waiting) {
      if (count > 0 && bytes + block.bytes > bytesMax) break;
      bytes += block.bytes;
      count++;
    }
    this.#writing = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    this.#waitingBytes -= bytes;
    return this.#writing;
  }

  /** What was being written is durable. */
  settle(): void {
    const done = this.#writing;
    this.#writing = [];
    for (const block of done) {
      this.#bytes -= block.bytes;
      this.#records -= block.count;
      block.waiter?.resolve();
      this.#recycle(block);
    }
  }

  /** Nothing of it will be stored. Returns how many records that are. */
  refuse(reason: Error): number {
    const refused = [...this.#writing, ...this.#waiting];
    const records = this.#records;
    this.#writing = [];
    this.#waiting = [];
    this.#bytes = 0;
    this.#records = 0;
    this.#waitingBytes = 0;
    for (const block of refused) block.waiter?.reject(reason);
    return records;
  }

  /** Settled together with the record of this offset; `null` when it is not in the queue. */
  settled(offset: number): Promise<void> | null {
    const block = findBlock(this.#waiting, offset) ?? findBlock(this.#writing, offset);
    if (block === null) return null;
    block.waiter ??= Promise.withResolvers<void>();
    return block.waiter.promise;
  }

  #blockFor(bytes: number): Block {
    const current = this.#waiting.at(-1);
    if (current !== undefined && current.used + bytes <= current.span.length) return current;
    const { blockBytes } = this.#options;
    const wanted = bytes + RECORD_HEADER_BYTES;
    const block = wanted > blockBytes
      ? new Block(wanted)
      : this.#spare.pop() ?? new Block(blockBytes);
    this.#waiting.push(block);
    return block;
  }

  #recycle(block: Block): void {
    const isUsual = block.span.length === this.#options.blockBytes;
    if (!isUsual || this.#spare.length >= BLOCKS_KEPT_MAX) return;
    block.clear();
    this.#spare.push(block);
  }
}

/** The block with an offset; callers mostly ask for the newest. */
function findBlock(blocks: readonly Block[], offset: number): Block | null {
  const block = blocks.findLast(({ first }) => first <= offset);
  return block !== undefined && offset <= block.last ? block : null;
}
