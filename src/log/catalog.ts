import type { Logger } from "../util/log.ts";
import { Chunks } from "./chunks.ts";
import type { Damage } from "./cursor.ts";
import { LogError, reasonOf } from "./errors.ts";
import { FilePool } from "./file_pool.ts";
import { type LogFiles, writeWhole } from "./files.ts";
import { readIndexFile, writeIndex } from "./index_file.ts";
import { DAMAGES_KNOWN_MAX, INDEXES_KEPT_MAX } from "./limits.ts";
import { scanSegment } from "./scan.ts";
import type { LogIdentity } from "./identity.ts";
import {
  readSegmentHeader,
  RECORDS_AT,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from "./segment_header.ts";
import type { SegmentIndex } from "./segment_index.ts";
import { type Segment, Segments } from "./segment.ts";
import { Span } from "./span.ts";
import { Texts } from "./texts.ts";

/** What a {@link Catalog} needs. */
export interface CatalogOptions {
  /** The directory. */
  readonly files: LogFiles;
  /** Where damage is reported. */
  readonly logger: Logger;
  /** Whether an index that is missing is written; readers in other processes write nothing. */
  readonly isWriter: boolean;
}

/** How much of the log could not be read. */
export interface DamageCount {
  /** Places of damage. */
  readonly places: number;
  /** Records that are lost. */
  readonly records: number;
  /** Bytes that were passed over. */
  readonly bytes: number;
}

/** The segments of a log and what readers share: open files, chunks, indexes, texts. */
export class Catalog {
  /** The segments. */
  segments = new Segments();
  /** Pieces of the files. */
  readonly chunks: Chunks;
  /** Topics and names. */
  readonly texts = new Texts();
  readonly #options: CatalogOptions;
  readonly #pool: FilePool;
  /** Name of a sealed segment -> its index, the one not used for longest first. */
  readonly #indexes = new Map<string, Promise<SegmentIndex | null>>();
  /** Index of the segment that grows. */
  #growing: { readonly name: string; readonly index: SegmentIndex } | null = null;
  #identity: LogIdentity | null = null;
  readonly #knownDamages = new Set<string>();
  /** Indexes being written. */
  readonly #writes = new Set<Promise<void>>();
  #damage: DamageCount = { places: 0, records: 0, bytes: 0 };

  /** Makes a catalog without segments. */
  constructor(options: CatalogOptions) {
    this.#options = options;
    this.#pool = new FilePool(options.files);
    this.chunks = new Chunks(this.#pool);
  }

  /** What all segments have in common. */
  get identity(): LogIdentity {
    if (this.#identity === null) throw new TypeError("Cannot use the log: it has no identity yet");
    return this.#identity;
  }

  /** Sets what all segments have in common, once it is known. */
  identify(identity: LogIdentity): void {
    this.#identity = identity;
  }

  /** What was found damaged so far, each place counted once. */
  get damage(): DamageCount {
    return this.#damage;
  }

  /** Counts and reports a place of damage, unless it is known. */
  readonly noteDamage = (damage: Damage): void => {
    const { name, position, bytes, from, to } = damage;
    const key = `${name}:${position}:${from}`;
    if (this.#knownDamages.has(key)) return;
    if (this.#knownDamages.size >= DAMAGES_KNOWN_MAX) this.#knownDamages.clear();
    this.#knownDamages.add(key);
    const lost = to - from;
    this.#damage = {
      places: this.#damage.places + 1,
      records: this.#damage.records + lost,
      bytes: this.#damage.bytes + bytes,
    };
    this.#options.logger.error("log damaged", { ...damage, lost });
  };

  /** Adds a segment that grows, with its index. */
  addGrowing(segment: Segment, index: SegmentIndex): void {
    if (this.segments.add(segment) !== null) this.#forget(segment);
    this.#growing = { name: segment.name, index };
  }

  /** Takes the oldest segment away. Its files are not touched. */
  removeOldest(): void {
    const { oldest } = this.segments;
    if (oldest === undefined) return;
    this.segments.removeOldest();
    this.#forget(oldest);
  }

  /** Drops what is kept of the newest file: another process writes to it. */
  forgetNewest(): void {
    const { newest } = this.segments;
    if (newest !== undefined) this.#forget(newest);
  }

  /**
   * The index of a segment: at hand, from its file, or made anew. `null` when there is none and this is not
   * the writer, for whom it is not worth reading the whole segment.
   */
  async indexOf(segment: Segment): Promise<SegmentIndex | null> {
    const { name } = segment;
    if (this.#growing?.name === name) return this.#growing.index;
    const loading = this.#indexes.get(name) ?? this.#loadIndex(segment);
    this.#keepIndex(segment, loading);
    try {
      const index = await loading;
      if (index === null) this.#indexes.delete(name);
      return index;
    } catch (error) {
      // The next reader tries again.
      this.#indexes.delete(name);
      throw error;
    }
  }

  /** Writes the index of a segment that grows no more. A failure is reported: it will be made anew. */
  async seal(segment: Segment, index: SegmentIndex): Promise<void> {
    this.#keepIndex(segment, Promise.resolve(index));
    if (this.#growing?.name === segment.name) this.#growing = null;
    await this.#writeIndex(segment, index);
  }

  /** Looks up after which time a segment begins; `null` when its header is damaged. */
  async startOf(segment: Segment): Promise<bigint | null> {
    return (await this.headerOf(segment))?.startNs ?? null;
  }

  /**
   * The header of a segment; `null` when no copy of it is whole.
   *
   * @throws {LogError} `version` for a newer format, `foreign` for a file that was renamed.
   */
  async headerOf(segment: Segment): Promise<SegmentHeader | null> {
    return segment.header ??= await this.#readHeader(segment);
  }

  /** Closes the files that are open for reading. */
  async close(): Promise<void> {
    this.#indexes.clear();
    this.chunks.clear();
    await this.#pool.close();
    await Promise.all(this.#writes);
  }

  #forget({ name }: Segment): void {
    this.#pool.forget(name);
    this.chunks.forget(name);
    this.#indexes.delete(name);
  }

  #keepIndex({ name }: Segment, index: Promise<SegmentIndex | null>): void {
    this.#indexes.delete(name);
    this.#indexes.set(name, index);
    if (this.#indexes.size <= INDEXES_KEPT_MAX) return;
    const [oldest] = this.#indexes.keys();
    if (oldest !== undefined) this.#indexes.delete(oldest);
  }

  async #readHeader({ name, base }: Segment): Promise<SegmentHeader | null> {
    const span = Span.ofSize(RECORDS_AT);
    if (await this.#pool.read(name, span.bytes, 0) === null) return null;
    const { header, damaged } = readSegmentHeader(span, name);
    if (damaged > 0) {
      const bytes = damaged * SEGMENT_HEADER_BYTES;
      this.noteDamage({ name, position: 0, bytes, from: base, to: base });
    }
    if (header === null || header.base === base) return header;
    throw new LogError(
      "foreign",
      `Cannot open log file "${name}": its first offset must be the one in its name, got ` +
        `${header.base}. Give it its old name back`,
    );
  }

  async #loadIndex(segment: Segment): Promise<SegmentIndex | null> {
    const read = await this.#readIndex(segment);
    return read !== null || !this.#options.isWriter ? read : await this.#rebuildIndex(segment);
  }

  async #readIndex(segment: Segment): Promise<SegmentIndex | null> {
    const found = await readIndexFile(this.#options.files, segment.indexName);
    if (found === null) return null;
    const isOfSegment = found.identity.logId === this.identity.logId &&
      found.index.base === segment.base && found.index.last === segment.last;
    return isOfSegment ? found.index : null;
  }

  async #rebuildIndex(segment: Segment): Promise<SegmentIndex> {
    const { logger } = this.#options;
    logger.warn("log index rebuilt", { name: segment.name });
    const { index } = await scanSegment(this.chunks, {
      name: segment.name,
      base: segment.base,
      end: segment.end,
      stop: segment.last + 1,
      marker: this.identity.marker,
      texts: this.texts,
      onDamage: this.noteDamage,
    });
    // What is missing at the end is missing for good.
    index.addPadding({ through: segment.last, end: index.end, recvNs: index.lastNs });
    await this.#writeIndex(segment, index);
    return index;
  }

  #writeIndex(segment: Segment, index: SegmentIndex): Promise<void> {
    const write = this.#tryWriteIndex(segment, index).finally(() => this.#writes.delete(write));
    this.#writes.add(write);
    return write;
  }

  async #tryWriteIndex(segment: Segment, index: SegmentIndex): Promise<void> {
    const { files, logger } = this.#options;
    try {
      const content = writeIndex(index, this.identity);
      await writeWhole(files, segment.indexName, content);
      segment.indexBytes = content.byteLength;
    } catch (error) {
      logger.warn("log index not written", { name: segment.name, reason: reasonOf(error) });
    }
  }
}
