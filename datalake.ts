/**
 * Tables: the schema that says which messages fill them, and what a broker tells about them. A broker gets a schema
 * with the option `schema` of `broker`; `docs/LAKE.md` says what is in one.
 *
 * Needs no permission: native code runs in a process that the broker starts, and not here.
 *
 * @example
 * ```ts
 * import { checkSchema, TopicMatcher } from "@rembus/cli/datalake";
 *
 * const schema = checkSchema({
 *   tables: [{
 *     table: "telemetry",
 *     topic: ":dn/telemetry",
 *     columns: [{ col: "dn", type: "TEXT" }, { col: "temperature", type: "DOUBLE" }],
 *   }],
 * });
 * const match = new TopicMatcher(schema.tables).match("kitchen/telemetry");
 * console.log(match?.table.name, match?.variables.get("dn")); // telemetry kitchen
 * ```
 *
 * @module
 */
export {
  checkSchema,
  type Column,
  type LakeSchema,
  parseSchema,
  type TableSchema,
} from "./src/lake/schema.ts";
export type { Cell } from "./src/lake/cell.ts";
export type { ColumnType, ScalarName, StructField } from "./src/lake/column_type.ts";
export { typeText } from "./src/lake/column_type.ts";
export { SchemaError, type StoreFault } from "./src/lake/errors.ts";
export type { LakeHealth } from "./src/lake/lake_options.ts";
export { type TopicMatch, TopicMatcher } from "./src/lake/topic_match.ts";
export type { TopicLevel } from "./src/lake/topic_pattern.ts";
export { RembusError } from "./src/protocol/errors.ts";
export {
  type ColumnInfo,
  type TableInfo,
  TABLES_SERVICE,
  type TablesInfo,
} from "./src/store/tables_answer.ts";
