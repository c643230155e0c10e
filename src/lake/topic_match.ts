import type { TableSchema } from "./schema.ts";

/** The table that a topic fills, and what the topic says about its columns. */
export interface TopicMatch {
  /** The table. */
  readonly table: TableSchema;
  /** Topic variables, column -> level; empty when the topic is the name of the table. */
  readonly variables: ReadonlyMap<string, string>;
  /** Whether the pattern has variables: only then does a message without payload make a row. */
  readonly hasVariables: boolean;
}

/** Topics whose table is remembered; all are forgotten when there are more. */
const REMEMBERED_MAX = 10_000;
const NONE: ReadonlyMap<string, string> = new Map();

/**
 * Finds the table of a topic (spec 8.4): the first in schema order whose pattern fits, else the table of
 * that name.
 */
export class TopicMatcher {
  /** Count of levels -> tables with such a pattern, in schema order. */
  readonly #byCount = new Map<number, TableSchema[]>();
  readonly #byName = new Map<string, TableSchema>();
  readonly #remembered = new Map<string, TopicMatch | null>();

  /** Makes a matcher for these tables. */
  constructor(tables: readonly TableSchema[]) {
    for (const table of tables) {
      const count = table.levels.length;
      const same = this.#byCount.get(count);
      if (same === undefined) this.#byCount.set(count, [table]);
      else same.push(table);
      this.#byName.set(table.name, table);
    }
  }

  /** The table that `topic` fills, or `null` when only the log gets the message. */
  match(topic: string): TopicMatch | null {
    const remembered = this.#remembered.get(topic);
    if (remembered !== undefined) return remembered;
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear();
    const found = this.#find(topic);
    this.#remembered.set(topic, found);
    return found;
  }

  #find(topic: string): TopicMatch | null {
    const levels = topic.split("/");
    for (const table of this.#byCount.get(levels.length) ?? []) {
      const variables = fit(table, levels);
      if (variables !== null) return { table, variables, hasVariables: variables.size > 0 };
    }
    const table = this.#byName.get(topic);
    return table === undefined ? null : { table, variables: NONE, hasVariables: false };
  }
}

/** What the variables stand for, or `null` when a level differs. A variable fits no empty level. */
function fit(table: TableSchema, levels: readonly string[]): ReadonlyMap<string, string> | null {
  const variables = new Map<string, string>();
  for (const [i, { text, variable }] of table.levels.entries()) {
    const level = levels[i] ?? "";
    if (variable === null) {
      if (level !== text) return null;
    } else if (level === "") return null;
    else variables.set(variable, level);
  }
  return variables;
}
