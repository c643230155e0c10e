import { SchemaError } from "./errors.ts";
import { ident, literal } from "./identifier.ts";
import { ENUM_MEMBERS_MAX, TYPE_DEPTH_MAX } from "./limits.ts";

/** Names of types without parameters -> all spellings of DuckDB that mean the same. */
const SCALARS: Readonly<Record<ScalarName, readonly string[]>> = {
  BOOLEAN: ["BOOL", "LOGICAL"],
  TINYINT: ["INT1"],
  SMALLINT: ["INT2", "SHORT"],
  INTEGER: ["INT4", "INT", "SIGNED"],
  BIGINT: ["INT8", "LONG"],
  HUGEINT: ["INT128"],
  UTINYINT: ["UINT8"],
  USMALLINT: ["UINT16"],
  UINTEGER: ["UINT32"],
  UBIGINT: ["UINT64"],
  UHUGEINT: ["UINT128"],
  FLOAT: ["FLOAT4", "REAL"],
  DOUBLE: ["FLOAT8"],
  VARCHAR: ["TEXT", "STRING", "CHAR", "BPCHAR", "NVARCHAR"],
  BLOB: ["BYTEA", "BINARY", "VARBINARY"],
  DATE: [],
  TIME: [],
  TIMESTAMP: ["DATETIME", "TIMESTAMP_US"],
  TIMESTAMP_S: [],
  TIMESTAMP_MS: [],
  TIMESTAMP_NS: [],
  TIMESTAMPTZ: [],
  INTERVAL: [],
  UUID: ["GUID"],
  JSON: [],
};

/** A type without parameters, under its first name. */
export type ScalarName =
  | "BOOLEAN"
  | "TINYINT"
  | "SMALLINT"
  | "INTEGER"
  | "BIGINT"
  | "HUGEINT"
  | "UTINYINT"
  | "USMALLINT"
  | "UINTEGER"
  | "UBIGINT"
  | "UHUGEINT"
  | "FLOAT"
  | "DOUBLE"
  | "VARCHAR"
  | "BLOB"
  | "DATE"
  | "TIME"
  | "TIMESTAMP"
  | "TIMESTAMP_S"
  | "TIMESTAMP_MS"
  | "TIMESTAMP_NS"
  | "TIMESTAMPTZ"
  | "INTERVAL"
  | "UUID"
  | "JSON";

/** The type of a column. */
export type ColumnType =
  | { readonly kind: "scalar"; readonly name: ScalarName }
  | { readonly kind: "decimal"; readonly width: number; readonly scale: number }
  | { readonly kind: "enum"; readonly members: readonly string[] }
  | { readonly kind: "list"; readonly item: ColumnType }
  | { readonly kind: "array"; readonly item: ColumnType; readonly size: number }
  | { readonly kind: "struct"; readonly fields: readonly StructField[] }
  | { readonly kind: "map"; readonly key: ColumnType; readonly value: ColumnType };

/** One member of a `STRUCT`. */
export interface StructField {
  /** Its name. */
  readonly name: string;
  /** Its type. */
  readonly type: ColumnType;
}

const ALIASES: ReadonlyMap<string, ScalarName> = new Map(
  (Object.entries(SCALARS) as [ScalarName, readonly string[]][]).flatMap(([name, others]) =>
    [name, ...others].map((one) => [one, name] as const)
  ),
);
const DECIMAL_NAMES = ["DECIMAL", "NUMERIC", "DEC"];
/** Digits of a decimal, and those of `DECIMAL` without parameters. */
const DECIMAL_WIDTH_MAX = 38;
const DECIMAL_DEFAULT = { width: 18, scale: 3 } as const;
const ARRAY_SIZE_MAX = 100_000;

/** Words, quoted names, quoted texts, numbers and marks; anything else is refused. */
const TOKEN = /\s*(?:([A-Za-z_][A-Za-z0-9_]*)|"((?:[^"]|"")+)"|'((?:[^']|'')*)'|(\d+)|([()[\],]))/y;

interface Token {
  readonly kind: "word" | "name" | "text" | "number" | "mark";
  readonly value: string;
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  const end = text.trimEnd().length;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < end) {
    const at = TOKEN.lastIndex;
    const found = TOKEN.exec(text);
    if (found === null) throw new SchemaError(`unexpected text at character ${at + 1}`);
    const [, word, name, quoted, number, mark] = found;
    if (word !== undefined) tokens.push({ kind: "word", value: word });
    else if (name !== undefined) tokens.push({ kind: "name", value: name.replaceAll('""', '"') });
    else if (quoted !== undefined) {
      tokens.push({ kind: "text", value: quoted.replaceAll("''", "'") });
    } else if (number !== undefined) tokens.push({ kind: "number", value: number });
    else tokens.push({ kind: "mark", value: mark ?? "" });
  }
  return tokens;
}

/** Reads one type of DuckDB's grammar, as far as it is on the list. */
class TypeParser {
  readonly #tokens: readonly Token[];
  readonly #enums: ReadonlyMap<string, readonly string[]>;
  #at = 0;

  constructor(text: string, enums: ReadonlyMap<string, readonly string[]>) {
    this.#tokens = tokenize(text);
    this.#enums = enums;
  }

  whole(): ColumnType {
    const type = this.#type(0);
    if (this.#at < this.#tokens.length) {
      throw new SchemaError(`unexpected "${this.#tokens[this.#at]?.value}" behind the type`);
    }
    return type;
  }

  #type(depth: number): ColumnType {
    if (depth > TYPE_DEPTH_MAX) throw new SchemaError(`more than ${TYPE_DEPTH_MAX} levels`);
    let type = this.#base(depth);
    let levels = depth;
    while (this.#takes("[")) {
      if (++levels > TYPE_DEPTH_MAX) throw new SchemaError(`more than ${TYPE_DEPTH_MAX} levels`);
      if (this.#takes("]")) {
        type = { kind: "list", item: type };
        continue;
      }
      type = { kind: "array", item: type, size: this.#number(1, ARRAY_SIZE_MAX) };
      this.#expect("]");
    }
    return type;
  }

  #base(depth: number): ColumnType {
    const token = this.#tokens[this.#at++];
    if (token?.kind !== "word" && token?.kind !== "name") {
      throw new SchemaError("expected the name of a type");
    }
    const members = this.#enums.get(token.value);
    if (members !== undefined) return { kind: "enum", members };
    const name = token.value.toUpperCase();
    if (name === "STRUCT" || name === "ROW") return this.#struct(depth);
    if (name === "MAP") return this.#map(depth);
    if (name === "ENUM") return { kind: "enum", members: this.#members() };
    if (DECIMAL_NAMES.includes(name)) return this.#decimal();
    const scalar = ALIASES.get(name);
    if (scalar === undefined) throw new SchemaError(`unknown type "${token.value}"`);
    return { kind: "scalar", name: this.#suffix(scalar) };
  }

  /** What may stand behind a simple name: `(n)` of texts, which DuckDB ignores, and time zones. */
  #suffix(name: ScalarName): ScalarName {
    if (name === "VARCHAR" && this.#takes("(")) {
      this.#number(1, Number.MAX_SAFE_INTEGER);
      this.#expect(")");
    }
    if (name !== "TIMESTAMP") return name;
    if (this.#words("WITH", "TIME", "ZONE")) return "TIMESTAMPTZ";
    this.#words("WITHOUT", "TIME", "ZONE");
    return name;
  }

  #decimal(): ColumnType {
    if (!this.#takes("(")) return { kind: "decimal", ...DECIMAL_DEFAULT };
    const width = this.#number(1, DECIMAL_WIDTH_MAX);
    const scale = this.#takes(",") ? this.#number(0, width) : 0;
    this.#expect(")");
    return { kind: "decimal", width, scale };
  }

  #members(): string[] {
    this.#expect("(");
    const members: string[] = [];
    do {
      const token = this.#tokens[this.#at++];
      if (token?.kind !== "text") throw new SchemaError("expected members of ENUM in quotes");
      members.push(token.value);
    } while (this.#takes(","));
    this.#expect(")");
    return checkMembers(members);
  }

  #struct(depth: number): ColumnType {
    this.#expect("(");
    const fields: StructField[] = [];
    do {
      const token = this.#tokens[this.#at++];
      if (token?.kind !== "word" && token?.kind !== "name") {
        throw new SchemaError("expected the name of a member of STRUCT");
      }
      const { value: name } = token;
      if (fields.some((field) => field.name.toLowerCase() === name.toLowerCase())) {
        throw new SchemaError(`member "${name}" of STRUCT is there twice`);
      }
      fields.push({ name, type: this.#type(depth + 1) });
    } while (this.#takes(","));
    this.#expect(")");
    return { kind: "struct", fields };
  }

  #map(depth: number): ColumnType {
    this.#expect("(");
    const key = this.#type(depth + 1);
    this.#expect(",");
    const value = this.#type(depth + 1);
    this.#expect(")");
    return { kind: "map", key, value };
  }

  #words(...words: readonly string[]): boolean {
    const fits = words.every((word, i) => this.#tokens[this.#at + i]?.value.toUpperCase() === word);
    if (fits) this.#at += words.length;
    return fits;
  }

  #takes(mark: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "mark" || token.value !== mark) return false;
    this.#at++;
    return true;
  }

  #expect(mark: string): void {
    if (!this.#takes(mark)) throw new SchemaError(`expected "${mark}"`);
  }

  #number(min: number, max: number): number {
    const token = this.#tokens[this.#at++];
    const number = token?.kind === "number" ? Number(token.value) : NaN;
    if (!(number >= min && number <= max)) {
      throw new SchemaError(`expected a number from ${min} to ${max}`);
    }
    return number;
  }
}

/** The members of an enumeration, checked. Throws {@link SchemaError}. */
export function checkMembers(members: readonly unknown[]): string[] {
  if (members.length === 0 || members.length > ENUM_MEMBERS_MAX) {
    throw new SchemaError(`expected 1 to ${ENUM_MEMBERS_MAX} members, got ${members.length}`);
  }
  const seen = new Set<string>();
  for (const member of members) {
    if (typeof member !== "string" || member.includes("\0") || seen.has(member)) {
      throw new SchemaError("expected different texts as members of ENUM");
    }
    seen.add(member);
  }
  return [...seen];
}

/**
 * Reads the text of a column type.
 *
 * @param enums Named enumerations of the schema, name -> members.
 * @throws {SchemaError} With the cause alone; the caller names table and column.
 */
export function parseColumnType(
  text: string,
  enums: ReadonlyMap<string, readonly string[]> = new Map(),
): ColumnType {
  return new TypeParser(text, enums).whole();
}

/** The type as DDL; equal types have equal texts. */
export function typeText(type: ColumnType): string {
  switch (type.kind) {
    case "scalar":
      return type.name === "TIMESTAMPTZ" ? "TIMESTAMP WITH TIME ZONE" : type.name;
    case "decimal":
      return `DECIMAL(${type.width},${type.scale})`;
    case "enum":
      return `ENUM(${type.members.map(literal).join(", ")})`;
    case "list":
      return `${typeText(type.item)}[]`;
    case "array":
      return `${typeText(type.item)}[${type.size}]`;
    case "struct":
      return `STRUCT(${
        type.fields.map((field) => `${ident(field.name)} ${typeText(field.type)}`).join(", ")
      })`;
    case "map":
      return `MAP(${typeText(type.key)}, ${typeText(type.value)})`;
    default:
      return type satisfies never;
  }
}

/** Whether values of the type can be compared as one: what a key column needs. */
export function isPlain(type: ColumnType): boolean {
  return type.kind === "decimal" || type.kind === "enum" ||
    (type.kind === "scalar" && type.name !== "JSON" && type.name !== "INTERVAL");
}

/**
 * The type that a column has in DuckLake, which knows no enumerations and no lists of fixed size: texts and
 * lists. What may be in them is checked before it is stored.
 */
export function duckLakeType(type: ColumnType): ColumnType {
  switch (type.kind) {
    case "enum":
      return { kind: "scalar", name: "VARCHAR" };
    case "array":
    case "list":
      return { kind: "list", item: duckLakeType(type.item) };
    case "struct":
      return {
        kind: "struct",
        fields: type.fields.map(({ name, type }) => ({ name, type: duckLakeType(type) })),
      };
    case "map":
      return { kind: "map", key: duckLakeType(type.key), value: duckLakeType(type.value) };
    default:
      return type;
  }
}
