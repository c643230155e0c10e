import type { LakeRecord, LakeSource } from "../../src/lake/source.ts";
import { publication } from "./lake_schema.ts";

/** A log in memory, for a store in the same process. */
export class MemorySource implements LakeSource {
  readonly logId: string;
  readonly records: LakeRecord[] = [];

  constructor(logId = "log-1") {
    this.logId = logId;
  }

  /** Where the next record goes. */
  get end(): number {
    return (this.records.at(-1)?.offset ?? -1) + 1;
  }

  async *read(from: number, to: number): AsyncGenerator<readonly LakeRecord[]> {
    await Promise.resolve();
    yield this.records.filter(({ offset }) => offset >= from && offset < to);
  }
}

/** What a made log is described by, in the start message of a child process. */
export interface MadeLog {
  readonly logId: string;
  /** Reading the payload of the record at this offset ends the process, as native code can. */
  readonly deadlyOffset?: number;
}

const BATCH = 500;

/**
 * A log whose records follow from their offsets, so that a child process that is killed reads the same ones
 * again: two rows of three go to `telemetry`, one to `sensor`, by a few keys; some are bad.
 */
export class MadeSource implements LakeSource {
  readonly logId: string;
  readonly #deadlyOffset: number;

  constructor({ logId, deadlyOffset = -1 }: MadeLog) {
    this.logId = logId;
    this.#deadlyOffset = deadlyOffset;
  }

  #record(offset: number): LakeRecord {
    const record = madeRecord(offset);
    return offset === this.#deadlyOffset ? deadly(record) : record;
  }

  async *read(from: number, to: number): AsyncGenerator<readonly LakeRecord[]> {
    for (let at = from; at < to; at += BATCH) {
      const records: LakeRecord[] = [];
      for (let offset = at; offset < Math.min(to, at + BATCH); offset++) {
        records.push(this.#record(offset));
      }
      await new Promise((resolve) => setTimeout(resolve, 0));
      yield records;
    }
  }
}

function deadly(record: LakeRecord): LakeRecord {
  return {
    ...record,
    get data(): Uint8Array {
      // Whoever only keeps the bytes looks at them as well: that must be harmless.
      if (new Error().stack?.includes("#convert") ?? false) Deno.exit(9);
      return record.data;
    },
  };
}

/** Keys that the made log has in `sensor`. */
export const MADE_KEYS = 17;
/** Every so many records is one that no table can take. */
export const MADE_BAD_EVERY = 101;

/** The record at an offset. */
export function madeRecord(offset: number): LakeRecord {
  if (offset % MADE_BAD_EVERY === 100) return publication(offset, "d/telemetry", ["only", "two"]);
  if (offset % 3 === 0) {
    return publication(offset, `site${offset}/type/key${offset % MADE_KEYS}/sensor`, []);
  }
  return publication(offset, `d${offset % 5}/telemetry`, [{
    temperature: offset,
    pressure: -offset,
  }]);
}

/** What must be in the tables when all below `end` was applied, and nothing else. */
export function madeTruth(
  end: number,
): { telemetry: number[]; sensor: [string, string][]; bad: number[] } {
  const telemetry: number[] = [];
  const bad: number[] = [];
  const sensor = new Map<string, string>();
  for (let offset = 0; offset < end; offset++) {
    if (offset % MADE_BAD_EVERY === 100) bad.push(offset);
    else if (offset % 3 === 0) sensor.set(`key${offset % MADE_KEYS}`, `site${offset}`);
    else telemetry.push(offset);
  }
  return { telemetry, sensor: [...sensor].sort(([a], [b]) => a < b ? -1 : 1), bad };
}
