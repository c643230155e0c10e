/**
 * Where a component keeps what proves its name: a private key (PEM or DER, traditional or PKCS#8), or one line with a
 * shared secret, as `<dir>/<name>/.secret` holds it (spec 4.2, rembus-jl 5.1). Deno has one on files, a browser one on
 * IndexedDB; an application may bring its own.
 */
export interface ClientKeys {
  /** What proves a name; `null` when there is nothing. Rejects when it cannot be read. */
  load(name: string): Promise<Uint8Array | null>;
  /** Keeps it, durably and for nobody else to read. Rejects when it cannot be written; nothing is half written. */
  save(name: string, secret: Uint8Array): Promise<void>;
  /** Where the key of a name is, for error texts; without it they speak of a key store. */
  where?(name: string): string;
  /** Forgets it; an unknown name is fine. */
  remove(name: string): Promise<void>;
}

/** Kind of a key pair. */
export type KeyScheme = "rsa" | "ecdsa";
