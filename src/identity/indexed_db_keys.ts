import type { ClientKeys } from "./client_keys.ts";
import { KeyError } from "./errors.ts";

const STORE = "keys";
const VERSION = 1;

// What is used of IndexedDB, by hand: the types of Deno do not have it.

interface DbRequest {
  readonly result: unknown;
  readonly error: Error | null;
  onsuccess: (() => void) | null;
  onerror: (() => void) | null;
}

interface DbOpenRequest extends DbRequest {
  onupgradeneeded: (() => void) | null;
}

interface DbStore {
  get(key: string): DbRequest;
  put(value: unknown, key: string): DbRequest;
  delete(key: string): DbRequest;
}

interface DbTransaction {
  readonly error: Error | null;
  oncomplete: (() => void) | null;
  onabort: (() => void) | null;
  objectStore(name: string): DbStore;
}

interface Database {
  createObjectStore(name: string): unknown;
  transaction(
    store: string,
    mode: "readonly" | "readwrite",
    options: { readonly durability: "strict" },
  ): DbTransaction;
  close(): void;
}

interface DbFactory {
  open(name: string, version: number): DbOpenRequest;
}

/**
 * {@link ClientKeys} of a browser: a database of IndexedDB with one object store, name -> bytes.
 *
 * Only pages and workers of the same origin can read it: no other site, and no other profile of the browser. It
 * does **not** protect a key from a script that runs in the page, so from cross-site scripting or a dependency gone
 * bad, nor from extensions, nor from who can read the files of the profile: keys are stored as they are. The browser
 * may throw it away, in private windows at the end of the session and elsewhere when room is short, unless the page
 * was granted `navigator.storage.persist()`; then the name must be registered anew, by an administrator who removes
 * the lost key first. Who needs more brings an own `ClientKeys`.
 *
 * Every method rejects with {@link KeyError} where there is no IndexedDB, or when it fails.
 *
 * @param database Name of the database. @default {"rembus-keys"}
 */
export function indexedDbKeys(database: string = "rembus-keys"): ClientKeys {
  return {
    load: async (name) => {
      const found = await run({ database, action: "read", use: (store) => store.get(name) });
      if (found === undefined) return null;
      if (found instanceof Uint8Array) return found;
      throw new KeyError("Cannot read a key from IndexedDB: expected bytes, got another value");
    },
    save: async (name, secret) => {
      // A copy: the caller's may be a view into something larger, all of which would be stored.
      const bytes = secret.slice();
      await run({ database, action: "write", use: (store) => store.put(bytes, name) });
    },
    remove: async (name) => {
      await run({ database, action: "remove", use: (store) => store.delete(name) });
    },
  };
}

interface Task {
  readonly database: string;
  readonly action: "read" | "write" | "remove";
  readonly use: (store: DbStore) => DbRequest;
}

/** Does one thing in a transaction, and gives its result once the transaction is durable. */
async function run({ database, action, use }: Task): Promise<unknown> {
  try {
    // Opened anew each time: one that stays open would keep other pages from deleting it.
    const db = await open(database);
    try {
      return await transact(db, { mode: action === "read" ? "readonly" : "readwrite", use });
    } finally {
      db.close();
    }
  } catch (cause) {
    if (cause instanceof KeyError) throw cause;
    throw new KeyError(`Cannot ${action} a key in IndexedDB: the browser refused`, { cause });
  }
}

function open(name: string): Promise<Database> {
  const factory = (globalThis as { readonly indexedDB?: DbFactory }).indexedDB;
  if (factory === undefined) {
    throw new KeyError("Cannot use IndexedDB: expected a browser that has it, got none");
  }
  const { promise, resolve, reject } = Promise.withResolvers<Database>();
  const request = factory.open(name, VERSION);
  const opened = (): Database => request.result as Database;
  request.onupgradeneeded = () => void opened().createObjectStore(STORE);
  request.onsuccess = () => resolve(opened());
  request.onerror = () => reject(request.error);
  return promise;
}

function transact(
  db: Database,
  { mode, use }: { readonly mode: "readonly" | "readwrite"; readonly use: Task["use"] },
): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const transaction = db.transaction(STORE, mode, { durability: "strict" });
  const request = use(transaction.objectStore(STORE));
  transaction.oncomplete = () => resolve(request.result);
  transaction.onabort = () => reject(transaction.error ?? request.error);
  return promise;
}
