import type { Vector } from "npm:@duckdb/node-bindings@1.5.5-r.5";
import type { Cell } from "./cell.ts";
import type { ColumnType, ScalarName } from "./column_type.ts";
import { duckdb } from "./duck.ts";

/** Rows of a chunk: DuckDB's vector size. */
export const CHUNK_ROWS: number = duckdb.vector_size();

const BITS_PER_BYTE = 8;
const WORD_BYTES = 8;
const HUGE_BYTES = 16;
const LIST_ENTRY_BYTES = 16;
const U64 = 2n ** 64n;
const UUID_FLIP = 2n ** 127n;
/** Digits of the widest decimal in 16, 32 and 64 bits. */
const DECIMAL_DIGITS = [4, 9, 18] as const;
const U8_MEMBERS_MAX = 2 ** 8 - 1;
const U16_MEMBERS_MAX = 2 ** 16 - 1;

type Fill = (view: DataView, at: number, cell: never) => void;

/** How cells of fixed width lie in a vector: their bytes, and how one is put there. */
interface Layout {
  readonly bytes: number;
  readonly put: Fill;
}

const layout = <T extends Cell>(
  bytes: number,
  put: (view: DataView, at: number, cell: T) => void,
): Layout => ({ bytes, put: put as Fill });

const I64 = layout<bigint>(8, (view, at, cell) => view.setBigInt64(at, cell, true));
const I128 = layout<bigint>(HUGE_BYTES, (view, at, cell) => putHuge(view, at, cell));
const I32 = layout<number>(4, (view, at, cell) => view.setInt32(at, cell, true));

const LAYOUTS: Partial<Record<ScalarName, Layout>> = {
  BOOLEAN: layout<boolean>(1, (view, at, cell) => view.setUint8(at, cell ? 1 : 0)),
  TINYINT: layout<number>(1, (view, at, cell) => view.setInt8(at, cell)),
  SMALLINT: layout<number>(2, (view, at, cell) => view.setInt16(at, cell, true)),
  INTEGER: I32,
  BIGINT: I64,
  HUGEINT: I128,
  UTINYINT: layout<number>(1, (view, at, cell) => view.setUint8(at, cell)),
  USMALLINT: layout<number>(2, (view, at, cell) => view.setUint16(at, cell, true)),
  UINTEGER: layout<number>(4, (view, at, cell) => view.setUint32(at, cell, true)),
  UBIGINT: layout<bigint>(8, (view, at, cell) => view.setBigUint64(at, cell, true)),
  UHUGEINT: I128,
  FLOAT: layout<number>(4, (view, at, cell) => view.setFloat32(at, cell, true)),
  DOUBLE: layout<number>(8, (view, at, cell) => view.setFloat64(at, cell, true)),
  DATE: I32,
  TIME: I64,
  TIMESTAMP: I64,
  TIMESTAMP_S: I64,
  TIMESTAMP_MS: I64,
  TIMESTAMP_NS: I64,
  TIMESTAMPTZ: I64,
  INTERVAL: layout<readonly [number, number, bigint]>(
    16,
    (view, at, [months, days, micros]) => {
      view.setInt32(at, months, true);
      view.setInt32(at + 4, days, true);
      view.setBigInt64(at + 8, micros, true);
    },
  ),
  // Stored with the highest bit turned, so that numbers order as texts do.
  UUID: layout<bigint>(HUGE_BYTES, (view, at, cell) => putHuge(view, at, cell ^ UUID_FLIP)),
};

const encoder = new TextEncoder();

/** Writes the cells of one column into an empty vector of that type; `undefined` counts as null. */
export function writeVector(
  vector: Vector,
  type: ColumnType,
  cells: readonly (Cell | undefined)[],
): void {
  writeValidity(vector, cells);
  switch (type.kind) {
    case "scalar": {
      const fixed = LAYOUTS[type.name];
      if (fixed === undefined) writeStrings(vector, cells);
      else writeFixed(vector, fixed, cells);
      return;
    }
    case "decimal":
      writeFixed(vector, decimalLayout(type.width), cells);
      return;
    case "enum":
      writeFixed(vector, enumLayout(type.members), cells);
      return;
    case "list":
      writeList(vector, cells, (child, items) => writeVector(child, type.item, items));
      return;
    case "map":
      writeList(
        vector,
        cells,
        (child, pairs) => writeMembers(child, [type.key, type.value], pairs),
      );
      return;
    case "array": {
      const child = duckdb.array_vector_get_child(vector);
      const empty = new Array<Cell>(type.size).fill(null);
      writeVector(child, type.item, cells.flatMap((cell) => Array.isArray(cell) ? cell : empty));
      return;
    }
    case "struct":
      writeMembers(vector, type.fields.map((field) => field.type), cells);
      return;
    default:
      return type satisfies never;
  }
}

/** A bit for each row, set when there is a value; all are set unless somebody says otherwise. */
function writeValidity(vector: Vector, cells: readonly (Cell | undefined)[]): void {
  if (!cells.some((cell) => cell === null || cell === undefined)) return;
  const bits = new Uint8Array(Math.ceil(cells.length / BITS_PER_BYTE / WORD_BYTES) * WORD_BYTES);
  for (const [i, cell] of cells.entries()) {
    if (cell !== null && cell !== undefined) {
      bits[i >> 3] = (bits[i >> 3] ?? 0) | 1 << (i & 7);
    }
  }
  duckdb.vector_ensure_validity_writable(vector);
  duckdb.copy_data_to_vector_validity(vector, 0, bits.buffer, 0, bits.byteLength);
}

function writeFixed(
  vector: Vector,
  { bytes, put }: Layout,
  cells: readonly (Cell | undefined)[],
): void {
  if (cells.length === 0) return;
  const buffer = new ArrayBuffer(cells.length * bytes);
  const view = new DataView(buffer);
  for (let i = 0; i < cells.length; i++) {
    const cell = cells[i];
    if (cell !== null && cell !== undefined) put(view, i * bytes, cell as never);
  }
  duckdb.copy_data_to_vector(vector, 0, buffer, 0, buffer.byteLength);
}

function writeStrings(vector: Vector, cells: readonly (Cell | undefined)[]): void {
  for (let i = 0; i < cells.length; i++) {
    const cell = cells[i];
    if (typeof cell === "string") {
      // A zero character would end a text that is given without its length.
      if (cell.includes("\0")) {
        duckdb.vector_assign_string_element_len(vector, i, encoder.encode(cell));
      } else duckdb.vector_assign_string_element(vector, i, cell);
    } else if (cell instanceof Uint8Array) {
      duckdb.vector_assign_string_element_len(vector, i, cell);
    }
  }
}

function writeList(
  vector: Vector,
  cells: readonly (Cell | undefined)[],
  writeItems: (child: Vector, items: readonly Cell[]) => void,
): void {
  const entries = new BigUint64Array(cells.length * 2);
  const items: Cell[] = [];
  for (const [i, cell] of cells.entries()) {
    entries[i * 2] = BigInt(items.length);
    if (!Array.isArray(cell)) continue;
    entries[i * 2 + 1] = BigInt(cell.length);
    for (const item of cell) items.push(item);
  }
  duckdb.list_vector_reserve(vector, items.length);
  duckdb.list_vector_set_size(vector, items.length);
  if (cells.length > 0) {
    duckdb.copy_data_to_vector(vector, 0, entries.buffer, 0, cells.length * LIST_ENTRY_BYTES);
  }
  if (items.length > 0) writeItems(duckdb.list_vector_get_child(vector), items);
}

function writeMembers(
  vector: Vector,
  types: readonly ColumnType[],
  cells: readonly (Cell | undefined)[],
): void {
  for (const [i, type] of types.entries()) {
    const members = cells.map((cell) => Array.isArray(cell) ? cell[i] as Cell : null);
    writeVector(duckdb.struct_vector_get_child(vector, i), type, members);
  }
}

function decimalLayout(width: number): Layout {
  if (width <= DECIMAL_DIGITS[0]) {
    return layout<bigint>(2, (view, at, cell) => view.setInt16(at, Number(cell), true));
  }
  if (width <= DECIMAL_DIGITS[1]) {
    return layout<bigint>(4, (view, at, cell) => view.setInt32(at, Number(cell), true));
  }
  return width <= DECIMAL_DIGITS[2] ? I64 : I128;
}

function enumLayout(members: readonly string[]): Layout {
  const index = new Map(members.map((member, i) => [member, i] as const));
  const at = (cell: string) => index.get(cell) ?? 0;
  if (members.length <= U8_MEMBERS_MAX) {
    return layout<string>(1, (view, offset, cell) => view.setUint8(offset, at(cell)));
  }
  if (members.length <= U16_MEMBERS_MAX) {
    return layout<string>(2, (view, offset, cell) => view.setUint16(offset, at(cell), true));
  }
  return layout<string>(4, (view, offset, cell) => view.setUint32(offset, at(cell), true));
}

function putHuge(view: DataView, at: number, cell: bigint): void {
  const bits = BigInt.asUintN(128, cell);
  view.setBigUint64(at, bits % U64, true);
  view.setBigUint64(at + WORD_BYTES, bits / U64, true);
}
