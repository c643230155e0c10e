import { CallError } from "../protocol/errors.ts";
import { TABLES_SERVICE, type TablesInfo } from "../store/tables_answer.ts";

/** What calls services: a component. */
export interface Caller {
  /** Calls a service. */
  rpc(service: string, ...args: unknown[]): Promise<unknown>;
}

/** The tables of a broker, and how they are; `null` when it has none, or may not tell. */
export async function fetchTables(node: Caller): Promise<TablesInfo | null> {
  try {
    const answer = await node.rpc(TABLES_SERVICE);
    return isTables(answer) ? answer : null;
  } catch (error) {
    // Brokers without tables, and those of others, have no such service.
    if (error instanceof CallError) return null;
    throw error;
  }
}

function isTables(answer: unknown): answer is TablesInfo {
  return typeof answer === "object" && answer !== null && "tables" in answer &&
    Array.isArray(answer.tables);
}
