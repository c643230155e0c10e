import type { FilePool } from "./file_pool.ts";
import { CHUNK_BYTES, CHUNK_CACHE_BYTES_MAX, CHUNKS_PER_TURN_MAX } from "./limits.ts";
import { Span } from "./span.ts";

/** A piece of a file: `CHUNK_BYTES` from a multiple of that, or as much as there is. */
export interface Chunk {
  /** The memory. */
  readonly span: Span;
  /** Where in the file it begins. */
  readonly start: number;
  /** How many bytes of it are read so far. */
  readonly length: number;
}

interface Kept {
  readonly span: Span;
  readonly start: number;
  length: number;
  /** The last of the reads that fill it. Each begins when the one before is done. */
  filled: Promise<void>;
  isGone: boolean;
}

/**
 * Pieces of files that readers share: those that follow each other closely through the log read it once
 * (D23). The end of a file may grow; a chunk is then read on, not anew.
 */
export class Chunks {
  readonly #pool: FilePool;
  /** File name and position -> chunk, the one not used for longest first. */
  readonly #kept = new Map<string, Kept>();
  /** Chunks given to readers in this turn of the event loop. */
  #served = 0;
  #turn: Promise<void> | null = null;

  /** Makes an empty cache over the files of a pool. */
  constructor(pool: FilePool) {
    this.#pool = pool;
  }

  /**
   * The chunk around `position`, with all bytes of it before `end` if the file has them; `null` when there
   * is no such file.
   */
  async at(name: string, position: number, end: number): Promise<Chunk | null> {
    const start = position - position % CHUNK_BYTES;
    const key = `${name}:${start}`;
    const kept = this.#take(key, start);
    const wanted = Math.min(CHUNK_BYTES, end - start);
    if (kept.length < wanted) {
      // A read that failed is not the failure of whoever reads after it.
      const read = kept.filled.catch(() => {}).then(() => this.#fill(name, kept, wanted));
      kept.filled = read;
      await read;
    }
    if (kept.isGone) {
      this.#kept.delete(key);
      return null;
    }
    await this.#pace();
    return kept;
  }

  /** Bytes of a file that are in no single chunk; `null` when it has fewer, or when there is none. */
  async across(name: string, position: number, bytes: number): Promise<Span | null> {
    const span = Span.ofSize(bytes);
    const read = await this.#pool.read(name, span.bytes, position);
    return read === bytes ? span : null;
  }

  /** Drops what is kept of a file: it was removed or replaced. */
  forget(name: string): void {
    for (const key of [...this.#kept.keys()]) {
      if (key.startsWith(`${name}:`)) this.#kept.delete(key);
    }
  }

  /** Drops everything. */
  clear(): void {
    this.#kept.clear();
  }

  #take(key: string, start: number): Kept {
    const kept = this.#kept.get(key) ?? {
      span: Span.ofSize(CHUNK_BYTES),
      start,
      length: 0,
      filled: Promise.resolve(),
      isGone: false,
    };
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    if (this.#kept.size * CHUNK_BYTES > CHUNK_CACHE_BYTES_MAX) {
      const [oldest] = this.#kept.keys();
      if (oldest !== undefined) this.#kept.delete(oldest);
    }
    return kept;
  }

  /**
   * Lets the event loop do something else now and then. Readers that share chunks would otherwise take turns
   * only among themselves: a thousand of them wake up together when one chunk is read.
   */
  async #pace(): Promise<void> {
    while (++this.#served > CHUNKS_PER_TURN_MAX) {
      this.#turn ??= nextTurn().then(() => {
        this.#turn = null;
        this.#served = 0;
      });
      await this.#turn;
    }
  }

  async #fill(name: string, kept: Kept, wanted: number): Promise<void> {
    if (kept.length >= wanted) return;
    const into = kept.span.bytes.subarray(kept.length, wanted);
    const read = await this.#pool.read(name, into, kept.start + kept.length);
    if (read === null) kept.isGone = true;
    else kept.length += read;
    // The disk has answered in a turn of its own.
    this.#served = 0;
  }
}

/** Settles when the event loop has done whatever else is ready. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
