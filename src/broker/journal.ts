import type { MsgId, QoS } from "../protocol/packet.ts";

/** What is appended to a journal. */
export interface JournalEntry {
  /** A publication, or a command (`upsert_`, `delete_`) that the tables apply in this order (D21). */
  readonly kind: "publication" | "command";
  /** Id of the message; `null` when it has none. */
  readonly id: MsgId | null;
  /** The slot that came with it. */
  readonly slot: number | null;
  /** Quality of service. */
  readonly qos: QoS;
  /** Name of the publisher or caller. */
  readonly publisher: string;
  /** Whether that name stands for one connection only. */
  readonly isAnonymous: boolean;
  /** Topic, or the name of the service. */
  readonly topic: string;
  /** The payload as it came. The journal copies it. */
  readonly data: Uint8Array;
}

/** What is read from a journal. */
export interface JournalRecord extends JournalEntry {
  /** Position: each record has a higher one than the record before. */
  readonly offset: number;
  /** When the broker received it, in nanoseconds since the epoch. */
  readonly recvNs: bigint;
  /** A view of a larger buffer: copy it to keep it for long. */
  readonly data: Uint8Array<ArrayBuffer>;
}

/** What became of an entry. */
export type Appended =
  /** It has its place. It is durable when `committed(offset)` says so. */
  | { readonly kind: "logged"; readonly offset: number; readonly recvNs: bigint }
  /** It goes on without the journal, as nothing was promised for it. */
  | { readonly kind: "notLogged"; readonly recvNs: bigint }
  /** Too much waits for the disk: pause the publisher until `writable()`, and append it again. */
  | { readonly kind: "busy" }
  /** It cannot be stored at the moment: no acknowledgement (D4). */
  | { readonly kind: "refused"; readonly reason: string };

/** Where to begin reading. */
export type JournalPosition = { readonly offset: number } | { readonly timeNs: bigint };

/** What is read. */
export interface JournalRange {
  /** Where to begin. */
  readonly from: JournalPosition;
  /** The offset to end before. @default behind the last durable one */
  readonly to?: number;
  /** Whether a topic is wanted. @default all are */
  readonly topics?: (topic: string) => boolean;
  /** The only quality of service that is wanted. @default all are */
  readonly qos?: QoS;
  /** Ends the reading with its reason. */
  readonly signal?: AbortSignal;
}

/** A piece of what was asked for. */
export interface JournalBatch {
  /** In the order of their offsets; may be empty. */
  readonly records: readonly JournalRecord[];
  /** Everything before this offset was considered. */
  readonly next: number;
}

/** Where a broker keeps what passes. The message log of `src/log` is one. */
export interface Journal {
  /** Identity: offsets of another journal mean nothing. */
  readonly logId: string;
  /** The last offset that is durable; readers see no further. */
  readonly durable: number;
  /** The offset that the next record gets. */
  readonly next: number;
  /** Takes an entry, at once. Throws `RangeError` when no record can hold it. */
  append(entry: JournalEntry): Appended;
  /** Settles when the record of an offset is durable; rejects when it is lost. One promise for each commit. */
  committed(offset: number): Promise<void>;
  /** Settles when there is room again after `busy`. */
  writable(signal?: AbortSignal): Promise<void>;
  /** Makes everything durable that was appended. */
  flush(): Promise<number>;
  /** Reads what is durable now, oldest first. */
  read(range: JournalRange): AsyncIterable<JournalBatch>;
  /** The last record of each wanted topic, in the order of their offsets. */
  last(
    options: { readonly topics: (topic: string) => boolean; readonly signal?: AbortSignal },
  ): AsyncIterable<JournalBatch>;
  /** The offset of the first record received at a time or later. */
  offsetAt(timeNs: bigint): Promise<number>;
}
