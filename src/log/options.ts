import { type Clock, SYSTEM_CLOCK } from "../util/clock.ts";
import { type Logger, SILENT } from "../util/log.ts";
import { type Random, SYSTEM_RANDOM } from "../util/random.ts";
import type { LogHealth } from "./health.ts";
import type { LogFiles } from "./files.ts";
import {
  BLOCK_BYTES,
  FREE_BYTES_MIN,
  QUEUE_BYTES_MAX,
  RETENTION_BYTES,
  RETENTION_MS,
  SEGMENT_BYTES,
  SEGMENT_BYTES_MIN,
  SEGMENT_MS,
} from "./limits.ts";

/** How a message log is opened. */
export interface MessageLogOptions {
  /** Its directory; `denoLogFiles` for a real one. */
  readonly files: LogFiles;
  /** Receive times, pauses and ages. @default the clock of the machine */
  readonly clock?: Clock;
  /** Identity of a new log. @default the random source of the machine */
  readonly random?: Random;
  /** Where events go. @default silent */
  readonly logger?: Logger;
  /**
   * Bytes of a segment: what retention drops at a time.
   * @default 64 MiB, or an eighth of `retentionBytes` if that is less
   */
  readonly segmentBytes?: number;
  /**
   * Age of a segment's first record after which a new one is begun, in milliseconds.
   * @default one day, or an eighth of `retentionMs` if that is less
   */
  readonly segmentMs?: number;
  /** Bytes that may wait for the disk. @default 64 MiB */
  readonly queueBytesMax?: number;
  /** Age after which records may be dropped, in milliseconds. @default 7 days */
  readonly retentionMs?: number;
  /** Bytes of all segments above which the oldest is dropped. @default 4 GiB */
  readonly retentionBytes?: number;
  /** Free bytes of the disk below which held segments may not exceed `retentionBytes`. @default 512 MiB */
  readonly freeBytesMin?: number;
  /** Whether publications on a topic are logged (D24). Asked for each. @default all are */
  readonly isLogged?: (topic: string) => boolean;
  /** Whether a topic fills a table: what is not acknowledged while the lake is far behind (D22). @default none */
  readonly isTabled?: (topic: string) => boolean;
  /** Told the last offset that is durable, each time there is a later one, also while the log is opened. */
  readonly onDurable?: (durable: number) => void;
  /** Told when the health of the log has changed. */
  readonly onHealth?: (health: LogHealth) => void;
}

/** Options with all their defaults. */
export type ResolvedLogOptions = Required<MessageLogOptions> & {
  /** Bytes of a block of the append queue. */
  readonly blockBytes: number;
};

const PARTS_OF_RETENTION = 8;

/** Completes options. Throws `RangeError` for sizes and times that make no sense. */
export function resolveLogOptions(options: MessageLogOptions): ResolvedLogOptions {
  const retentionBytes = options.retentionBytes ?? RETENTION_BYTES;
  const retentionMs = options.retentionMs ?? RETENTION_MS;
  const segmentBytes = options.segmentBytes ??
    Math.max(SEGMENT_BYTES_MIN, Math.min(SEGMENT_BYTES, retentionBytes / PARTS_OF_RETENTION));
  const resolved = {
    clock: SYSTEM_CLOCK,
    random: SYSTEM_RANDOM,
    logger: SILENT,
    segmentMs: Math.min(SEGMENT_MS, retentionMs / PARTS_OF_RETENTION),
    queueBytesMax: QUEUE_BYTES_MAX,
    freeBytesMin: FREE_BYTES_MIN,
    isLogged: () => true,
    isTabled: () => false,
    onDurable: () => {},
    onHealth: () => {},
    ...options,
    retentionBytes,
    retentionMs,
    segmentBytes,
    blockBytes: Math.min(BLOCK_BYTES, Math.ceil(segmentBytes / PARTS_OF_RETENTION)),
  };
  requireMin("segmentBytes", segmentBytes, SEGMENT_BYTES_MIN);
  requireMin("retentionBytes", retentionBytes, segmentBytes);
  requireMin("retentionMs", retentionMs, 1);
  requireMin("segmentMs", resolved.segmentMs, 0);
  requireMin("queueBytesMax", resolved.queueBytesMax, 1);
  requireMin("freeBytesMin", resolved.freeBytesMin, 0);
  return resolved;
}

function requireMin(name: string, value: number, min: number): void {
  if (value >= min) return;
  throw new RangeError(`Cannot open the log: "${name}" must be at least ${min}, got ${value}`);
}
