/** What a broker knows of a registered name: its public key, or the secret that it shares with the component. */
export interface StoredKey {
  /** What it is; a key is of the kind that its bytes say, whatever its file is called (spec 4.2). */
  readonly kind: "rsa" | "ecdsa" | "secret";
  /** The key in PEM or DER as it was registered, or the UTF-8 bytes of the secret. */
  readonly bytes: Uint8Array;
}

/** The registered names of a broker (spec 4.3). `src/store` has one on files, `MemoryKeys` one in memory. */
export interface Keys {
  /** Every registered name, as known at the moment. */
  names(): readonly string[];
  /** Whether a name is registered, as known at the moment. */
  has(name: string): boolean;
  /**
   * What is stored for a name, read anew, so that a key which the operator put there counts at the next login; `null`
   * when there is nothing. Rejects when it cannot be read: then nobody gets in under that name.
   */
  get(name: string): Promise<StoredKey | null>;
  /**
   * Stores a key for a name that has none, atomically and durably. Resolves to `false`, with nothing changed, when
   * the name is taken. Rejects when it cannot be written.
   */
  put(name: string, key: StoredKey): Promise<boolean>;
  /** Removes the key of a name. Resolves to `false` when there was none. Rejects when it cannot be removed. */
  remove(name: string): Promise<boolean>;
  /** Looks at all of it anew. */
  reload(): Promise<void>;
}

/** {@link Keys} that end with the process. */
export class MemoryKeys implements Keys {
  readonly #keys: Map<string, StoredKey>;

  /** Begins with these. */
  constructor(keys: Iterable<readonly [name: string, key: StoredKey]> = []) {
    this.#keys = new Map(keys);
  }

  names(): readonly string[] {
    return [...this.#keys.keys()];
  }

  has(name: string): boolean {
    return this.#keys.has(name);
  }

  get(name: string): Promise<StoredKey | null> {
    return Promise.resolve(this.#keys.get(name) ?? null);
  }

  put(name: string, key: StoredKey): Promise<boolean> {
    if (this.#keys.has(name)) return Promise.resolve(false);
    this.#keys.set(name, key);
    return Promise.resolve(true);
  }

  remove(name: string): Promise<boolean> {
    return Promise.resolve(this.#keys.delete(name));
  }

  reload(): Promise<void> {
    return Promise.resolve();
  }
}
