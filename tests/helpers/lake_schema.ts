import { encodeCbor, Tagged } from "../../src/protocol/cbor.ts";
import { checkSchema, type LakeSchema, type TableSchema } from "../../src/lake/schema.ts";
import type { LakeRecord } from "../../src/lake/source.ts";

/** The schema of the README: `sensor` by key, `telemetry` with extras. */
export const README_SCHEMA = {
  tables: [
    {
      table: "sensor",
      topic: ":site/:type/:dn/sensor",
      columns: [
        { col: "site", type: "TEXT", nullable: false },
        { col: "type", type: "TEXT", nullable: false },
        { col: "dn", type: "TEXT" },
      ],
      keys: ["dn"],
    },
    {
      table: "telemetry",
      topic: ":dn/telemetry",
      columns: [
        { col: "dn", type: "TEXT" },
        { col: "temperature", type: "DOUBLE" },
        { col: "pressure", type: "DOUBLE" },
      ],
      extras: { recv_ts: "ts", slot: "time_bucket" },
    },
  ],
};

/** Tables of the reference's acceptance list (spec 11): one that appends, and one with a key. */
export const ACCEPTANCE_TABLES = [
  {
    table: "topic1",
    columns: [
      { col: "name", type: "TEXT", nullable: false },
      { col: "type", type: "TEXT", nullable: true },
      { col: "tinteger", type: "INTEGER", default: 5 },
      { col: "tdouble", type: "DOUBLE", nullable: true },
    ],
    extras: { recv_ts: "ts", slot: "bucket" },
  },
  {
    table: "keyed",
    columns: [
      { col: "name", type: "TEXT", nullable: false },
      { col: "value", type: "BIGINT" },
      { col: "note", type: "TEXT", default: "new" },
    ],
    keys: ["name"],
  },
];

/** A schema of one table. */
export function oneTable(table: Record<string, unknown>): LakeSchema {
  return checkSchema({ tables: [table] });
}

/** The table of that name. */
export function tableOf(schema: LakeSchema, name: string): TableSchema {
  const table = schema.tables.find((one) => one.name === name);
  if (table === undefined) throw new Error(`Cannot find table "${name}"`);
  return table;
}

/** When the made records were received, in nanoseconds since the epoch. */
export const RECV_NS = 1_790_000_000_123_456_789n;

/** A publication with these arguments. */
export function publication(
  offset: number,
  topic: string,
  args: unknown,
  more: Partial<LakeRecord> = {},
): LakeRecord {
  return {
    offset,
    recvNs: RECV_NS + BigInt(offset),
    kind: "publication",
    publisher: "tester",
    topic,
    qos: 1,
    slot: null,
    data: encodeCbor(args),
    ...more,
  };
}

/** A call of `upsert_` or `delete_`, as it stands in the log. */
export function command(offset: number, topic: string, args: unknown): LakeRecord {
  return { ...publication(offset, topic, args), kind: "command" };
}

/** Arrow bytes as they travel. */
export function frameValue(bytes: Uint8Array): Tagged {
  return new Tagged(80, bytes);
}
