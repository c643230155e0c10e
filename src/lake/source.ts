/** One entry of the message log, as the lake needs it. */
export interface LakeRecord {
  /** Position in the log; grows by one or more. */
  readonly offset: number;
  /** When the broker received it, in nanoseconds since the epoch. */
  readonly recvNs: bigint;
  /** A publication, or a command (`upsert_`, `delete_`) that is applied in log order (D21). */
  readonly kind: "publication" | "command";
  /** Name of the publisher or caller. */
  readonly publisher: string;
  /** Topic, or the name of the service. */
  readonly topic: string;
  /** Quality of service. */
  readonly qos: 0 | 1 | 2;
  /** The slot that came with the publication. */
  readonly slot: number | null;
  /** CBOR of the payload. */
  readonly data: Uint8Array;
}

/** Where the lake reads the log. */
export interface LakeSource {
  /** Identity of the log: the offset of another log means nothing (D19). */
  readonly logId: string;
  /**
   * Entries with `from <= offset < to`, oldest first, in batches. Entries that retention dropped or
   * that are damaged are simply absent.
   */
  read(from: number, to: number): AsyncIterable<readonly LakeRecord[]>;
}
