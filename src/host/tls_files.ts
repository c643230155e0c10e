import { createPrivateKey, X509Certificate } from "node:crypto";
import { errorText } from "../util/error_text.ts";

/** A certificate and its key, in PEM. */
export interface CertifiedKey {
  readonly certificate: string;
  readonly key: string;
}

/** The files that a broker with TLS is known by (spec 4.5). */
export interface TlsPaths {
  /** The certificate, and those between it and its authority, in PEM. */
  readonly certificate: string;
  /** The private key, in PEM and not encrypted. */
  readonly key: string;
}

/** Where the files are in a keystore. */
export function keystorePaths(keystore: string): TlsPaths {
  return { certificate: `${keystore}/rembus.crt`, key: `${keystore}/rembus.key` };
}

/**
 * Opens the files of a keystore. Rejects with an error that names the file which is missing, cannot be read, or
 * does not fit the other one. Needs `--allow-read` for both.
 */
export async function openTlsFiles(paths: TlsPaths): Promise<TlsFiles> {
  return new TlsFiles(paths, await readPair(paths));
}

/** Certificate and key in files that are renewed while a listener uses them. */
export class TlsFiles {
  /** What they held when they were opened. */
  readonly pair: CertifiedKey;
  readonly #paths: TlsPaths;

  /** Made by {@link openTlsFiles}. */
  constructor(paths: TlsPaths, pair: CertifiedKey) {
    this.#paths = paths;
    this.pair = pair;
  }

  /** What changes when one of them is written or replaced, though it need not have another content then. */
  async stamp(): Promise<string> {
    const { certificate, key } = this.#paths;
    const both = await Promise.all([certificate, key].map(statOf));
    return both.map((one) =>
      one === null ? "none" : `${one.mtime?.getTime()}/${one.size}/${one.ino}`
    ).join(" ");
  }

  /** What they hold now. Rejects as {@link openTlsFiles}. */
  read(): Promise<CertifiedKey> {
    return readPair(this.#paths);
  }
}

async function statOf(path: string): Promise<Deno.FileInfo | null> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

async function readPair(paths: TlsPaths): Promise<CertifiedKey> {
  const certificate = await readPem(paths.certificate, "certificate");
  const key = await readPem(paths.key, "private key");
  const parsed = checked(paths.certificate, "a certificate in PEM", () => {
    return new X509Certificate(certificate);
  });
  const secret = checked(paths.key, "a private key in PEM that is not encrypted", () => {
    return createPrivateKey(key);
  });
  if (!parsed.checkPrivateKey(secret)) {
    throw new Error(
      `Cannot use key "${paths.key}": expected the one of certificate "${paths.certificate}", got another`,
    );
  }
  // What a handshake will be made with has the last word: it knows fewer kinds of keys.
  checked(paths.certificate, "a certificate and key for TLS", () => {
    Deno.createHttpClient({ cert: certificate, key }).close();
  });
  return { certificate, key };
}

async function readPem(path: string, what: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    const got = error instanceof Deno.errors.NotFound
      ? "none; make one with `rembus keystore init`, or name its directory (REMBUS_KEYSTORE)"
      : error instanceof Deno.errors.NotCapable
      ? "no permission; run with --allow-read"
      : errorText(error);
    throw new Error(`Cannot read ${what} "${path}": expected a file, got ${got}`, { cause: error });
  }
}

function checked<T>(path: string, wanted: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Error(
      `Cannot use "${path}": expected ${wanted}, got other bytes (${errorText(error)})`,
      {
        cause: error,
      },
    );
  }
}
