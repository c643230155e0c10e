import type { Cell, Database } from "./database.ts";

/** Asks whether something is stored already. A disk that cannot be read says yes: a deletion is kept then. */
export class StoredRows {
  readonly #database: Database;

  /** Takes the database to ask. */
  constructor(database: Database) {
    this.#database = database;
  }

  /** Whether a component is remembered. */
  hasComponent(name: string): boolean {
    return this.#has("SELECT 1 FROM component WHERE name = ?", name);
  }

  /** Whether a subscription is. */
  hasSubscription(name: string, topic: string): boolean {
    return this.#has("SELECT 1 FROM subscription WHERE name = ? AND topic = ?", name, topic);
  }

  /** Whether a service is. */
  hasService(name: string, topic: string): boolean {
    return this.#has("SELECT 1 FROM service WHERE name = ? AND topic = ?", name, topic);
  }

  /** Whether a private topic is. */
  hasPrivateTopic(topic: string): boolean {
    return this.#has("SELECT 1 FROM private_topic WHERE topic = ?", topic);
  }

  #has(sql: string, ...values: Cell[]): boolean {
    try {
      return this.#database.prepare(sql).all(...values).length > 0;
    } catch (error) {
      if (error instanceof Error) return true;
      throw error;
    }
  }
}
