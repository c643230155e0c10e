import type { Chunks } from "./chunks.ts";
import { type Damage, SegmentCursor } from "./cursor.ts";
import { RecordKind, type RecordView } from "./record.ts";
import { RECORDS_AT } from "./segment_header.ts";
import { SegmentIndex } from "./segment_index.ts";
import type { Texts } from "./texts.ts";

/** What is scanned. */
export interface ScanOptions {
  /** Name of the segment. */
  readonly name: string;
  /** Offset of its first record. */
  readonly base: number;
  /** Position to end at. */
  readonly end: number;
  /** Offset to end before. */
  readonly stop: number;
  /** The log's marker. */
  readonly marker: number;
  /** Topics at hand. */
  readonly texts: Texts;
  /** Told about each place of damage. */
  readonly onDamage: (damage: Damage) => void;
}

/** What a scan found. */
export interface Scanned {
  /** Index of all records. Its end is the end of the last whole one. */
  readonly index: SegmentIndex;
  /** Where the last padding begins: everything before it was durable; `null` when there is none. */
  readonly provenAt: number | null;
}

/** Reads a segment from front to back and makes its index. */
export async function scanSegment(chunks: Chunks, options: ScanOptions): Promise<Scanned> {
  const { name, base, end, stop, marker, texts, onDamage } = options;
  const index = SegmentIndex.empty(base);
  let provenAt: number | null = null;
  const visit = (view: RecordView, position: number): void => {
    const recordEnd = position + view.bytes;
    if (view.kind === RecordKind.PADDING) {
      provenAt = position;
      index.addPadding({ through: view.through, end: recordEnd, recvNs: view.recvNs });
      return;
    }
    const { offset, recvNs } = view;
    index.addRecords({ offset, position, recvNs }, {
      last: offset,
      lastNs: recvNs,
      end: recordEnd,
      count: 1,
    });
    index.addTopic(view.topic(texts), { first: offset, last: offset, count: 1 });
  };
  await new SegmentCursor(chunks, {
    name,
    position: RECORDS_AT,
    expected: base,
    end,
    stop,
    marker,
    onDamage,
  }).run(visit);
  return { index, provenAt };
}

/** What was found of a segment that nobody sealed. */
export interface Recovered {
  /** Index of the records that count. */
  readonly index: SegmentIndex;
  /** Whole records behind a torn one: they were never acknowledged, and are cut with it. */
  readonly cutRecords: number;
  /** Everything before this position was durable. */
  readonly provenAt: number;
}

/**
 * Reads the newest segment after an unclean end. Bytes that cannot be read are damage when a padding behind
 * them proves that they were durable once, or a torn end otherwise: then everything from there on is cut,
 * whole records, too. A disk may write the pages of one commit in any order, and the commit was never
 * acknowledged; to keep its second half would make the order of a publisher's messages depend on chance.
 */
export async function recoverSegment(chunks: Chunks, options: ScanOptions): Promise<Recovered> {
  const damages: Damage[] = [];
  const scanned = await scanSegment(chunks, {
    ...options,
    onDamage: (damage) => damages.push(damage),
  });
  const provenAt = scanned.provenAt ?? RECORDS_AT;
  const torn = damages.find(({ position }) => position >= provenAt);
  for (const damage of damages) if (damage.position < provenAt) options.onDamage(damage);
  if (torn === undefined) return { index: scanned.index, cutRecords: 0, provenAt };
  const { index } = await scanSegment(chunks, {
    ...options,
    end: torn.position,
    onDamage: () => {},
  });
  return { index, cutRecords: scanned.index.records - index.records, provenAt };
}
