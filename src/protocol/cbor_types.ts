/** A tagged CBOR value that we do not interpret: it survives decoding and encoding as it is (D2). */
export class Tagged {
  /** The tag number. */
  readonly tag: number | bigint;
  /** The tagged value. */
  readonly value: unknown;

  /** Makes a tagged value, for example a data frame: tag 80 around Arrow bytes. */
  constructor(tag: number | bigint, value: unknown) {
    this.tag = tag;
    this.value = value;
  }
}

/** A number that must leave as a CBOR float also when it is whole: JavaScript cannot tell 2.0 from 2. */
export class Float {
  /** The number. */
  readonly value: number;

  /** Marks a number as a float. */
  constructor(value: number) {
    this.value = value;
  }
}

/** A CBOR simple value without a meaning of its own; kept so that it survives. */
export class Simple {
  /** The number of the simple value, 0 to 255. */
  readonly value: number;

  /** Makes a simple value. */
  constructor(value: number) {
    this.value = value;
  }
}

/** Initial bytes of CBOR items: the major type in the high three bits (RFC 8949 section 3). */
export const MAJOR = {
  UINT: 0,
  NEGATIVE: 1,
  BYTES: 2,
  TEXT: 3,
  ARRAY: 4,
  MAP: 5,
  TAG: 6,
  SIMPLE: 7,
} as const;

/** Additional information of an initial byte (RFC 8949 section 3). */
export const INFO = {
  ONE_BYTE: 24,
  TWO_BYTES: 25,
  FOUR_BYTES: 26,
  EIGHT_BYTES: 27,
  INDEFINITE: 31,
} as const;

/** Ends an indefinite-length item. */
export const BREAK = 0xff;
