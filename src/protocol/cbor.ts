/**
 * The CBOR codec (D2, ADR 0001): values to bytes, bytes to values, and the walk that proves bytes
 * well-formed without decoding them.
 *
 * @module
 */
export { decodeCbor } from "./cbor_decode.ts";
export { encodeCbor } from "./cbor_encode.ts";
export { Float, Simple, Tagged } from "./cbor_types.ts";
export { walkCbor } from "./cbor_walk.ts";
