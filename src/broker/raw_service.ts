/** One call of a {@link RawService}. */
export interface RawCall {
  /** Name of the service. */
  readonly topic: string;
  /** CBOR of the argument array, as it came. */
  readonly args: Uint8Array;
  /** Name of the caller; the broker-given id of an anonymous one. */
  readonly from: string;
  /** Whether that name stands for one connection only. */
  readonly isAnonymous: boolean;
  /** How long the caller waits, in milliseconds; `null` when it did not tell. */
  readonly ttlMs: number | null;
}

/**
 * A service of the broker that works on payload bytes, so that they are never decoded here: `query_<table>` and the
 * others of spec 8.7. Resolves to the CBOR of the result; rejects with an error whose text is answered with 40.
 */
export type RawService = (call: RawCall) => Promise<Uint8Array>;
