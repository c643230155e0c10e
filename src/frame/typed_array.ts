import type { FrameType } from "./frame_type.ts";

/** A typed array as a column. */
export interface TypedColumn {
  readonly type: FrameType;
  readonly values: ArrayLike<number | bigint>;
}

const TYPES: readonly (readonly [{ readonly name: string }, FrameType])[] = [
  [Int8Array, int(8, true)],
  [Int16Array, int(16, true)],
  [Int32Array, int(32, true)],
  [BigInt64Array, int(64, true)],
  [Uint8Array, int(8, false)],
  [Uint8ClampedArray, int(8, false)],
  [Uint16Array, int(16, false)],
  [Uint32Array, int(32, false)],
  [BigUint64Array, int(64, false)],
  [Float32Array, { kind: "float", bits: 32 }],
  [Float64Array, { kind: "float", bits: 64 }],
];
/** Name of a class of typed arrays -> the type of its column; by name, since a subclass is one, too. */
const TYPE_BY_NAME = new Map(TYPES.map(([{ name }, type]) => [name, type]));

/** The column of a typed array; `null` for another view. */
export function typedArrayType(view: ArrayBufferView): TypedColumn | null {
  if (view instanceof DataView) return null;
  const values = view as unknown as TypedColumn["values"] & { [Symbol.toStringTag]: string };
  const type = TYPE_BY_NAME.get(values[Symbol.toStringTag]);
  return type === undefined ? null : { type, values };
}

function int(bits: 8 | 16 | 32 | 64, isSigned: boolean): FrameType {
  return { kind: "int", bits, isSigned };
}
