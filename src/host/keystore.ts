import { createPrivateKey, X509Certificate } from "node:crypto";
import { RembusError, Status } from "../protocol/errors.ts";
import {
  type CertificateFacts,
  createAuthority,
  createLeaf,
  type KeyedCertificate,
  readCertificate,
} from "./certificates.ts";
import { replaceFile } from "./durable_files.ts";

/** Files of a keystore: what a broker serves with (spec 4.5), and the authority that signed it. */
export const KEYSTORE_FILES = {
  certificate: "rembus.crt",
  key: "rembus.key",
  authority: "ca.crt",
  authorityKey: "ca.key",
} as const;

/** How long an authority is good, in days. */
const AUTHORITY_DAYS = 3_650;
const MODE_PRIVATE = 0o600;
const MODE_PUBLIC = 0o644;
const MODE_DIRECTORY = 0o700;
/** Bits of a mode that let others than the owner in. */
const MODE_OTHERS = 0o077;

/** What a certificate of a keystore is made of. */
export interface KeystoreRequest {
  /** Where the files are. */
  readonly directory: string;
  /** Host names and addresses that clients connect to. */
  readonly names: readonly string[];
  /** How long the certificate is good, in days. */
  readonly days: number;
  /** The time. */
  readonly now: Date;
}

/** A keystore as it is. */
export interface KeystoreFacts {
  /** The certificate that the broker shows. */
  readonly certificate: CertificateFacts;
  /** The certificate of the authority; `null` when it is not here, as with certificates of others. */
  readonly authority: CertificateFacts | null;
  /** Whether the key belongs to the certificate. */
  readonly isPair: boolean;
  /** Private keys that others than their owner can read. */
  readonly exposed: readonly string[];
}

/**
 * Makes an authority, a certificate that it signed, and their keys. The keys are for nobody else to read.
 *
 * @throws {RembusError} When there is something already, unless `force`; and when it cannot be written.
 */
export async function initKeystore(
  request: KeystoreRequest,
  { force, subject }: { readonly force: boolean; readonly subject: string },
): Promise<CertificateFacts> {
  const { directory, now } = request;
  const taken = await firstOf(directory, Object.values(KEYSTORE_FILES));
  if (taken !== null && !force) {
    throw failure(
      `Cannot make a keystore in "${directory}": expected none, got ${taken}; --force replaces it, ` +
        "and keystore renew makes a new certificate with the same authority",
    );
  }
  const authority = await createAuthority({ subject, days: AUTHORITY_DAYS, now });
  const leaf = await createLeaf({ ...request, authority });
  await Deno.mkdir(directory, { recursive: true, mode: MODE_DIRECTORY });
  const path = (name: keyof typeof KEYSTORE_FILES) => `${directory}/${KEYSTORE_FILES[name]}`;
  await replaceText(path("authorityKey"), authority.key, MODE_PRIVATE);
  await replaceText(path("authority"), authority.certificate, MODE_PUBLIC);
  await writeLeaf(directory, leaf);
  return await readCertificate(leaf.certificate);
}

/**
 * Makes a new certificate and key with the authority that is there. Without names, those of the old one. A broker
 * that runs shows it at the next handshake.
 *
 * @throws {RembusError} When there is no authority with its key, or the files cannot be written.
 */
export async function renewKeystore(request: KeystoreRequest): Promise<CertificateFacts> {
  const { directory } = request;
  const [certificate, key] = await Promise.all([
    readIfThere(`${directory}/${KEYSTORE_FILES.authority}`),
    readIfThere(`${directory}/${KEYSTORE_FILES.authorityKey}`),
  ]);
  if (certificate === null || key === null) {
    throw failure(
      `Cannot renew the certificate in "${directory}": expected ${KEYSTORE_FILES.authority} and ` +
        `${KEYSTORE_FILES.authorityKey}, got none; keystore init makes them`,
    );
  }
  const names = request.names.length === 0 ? await namesThere(directory) : request.names;
  const leaf = await createLeaf({ ...request, names, authority: { certificate, key } });
  await writeLeaf(directory, leaf);
  return await readCertificate(leaf.certificate);
}

/**
 * Looks at a keystore; `null` when there is no certificate.
 *
 * @throws {RembusError} For a certificate without its key.
 * @throws {TypeError} For one that is damaged.
 */
export async function readKeystore(directory: string): Promise<KeystoreFacts | null> {
  const [certificate, key, authority] = await Promise.all([
    readIfThere(`${directory}/${KEYSTORE_FILES.certificate}`),
    readIfThere(`${directory}/${KEYSTORE_FILES.key}`),
    readIfThere(`${directory}/${KEYSTORE_FILES.authority}`),
  ]);
  if (certificate === null) return null;
  if (key === null) {
    throw failure(
      `Cannot use the keystore "${directory}": expected ${KEYSTORE_FILES.key} beside ` +
        `${KEYSTORE_FILES.certificate}, got none`,
    );
  }
  return {
    certificate: await readCertificate(certificate),
    authority: authority === null ? null : await readCertificate(authority),
    isPair: isPair(certificate, key),
    exposed: await exposedOf(directory, [KEYSTORE_FILES.key, KEYSTORE_FILES.authorityKey]),
  };
}

/** Whether others than its owner can read a file; never on Windows, and never for one that is not there. */
export async function isExposed(path: string): Promise<boolean> {
  const { mode } = await statIfThere(path) ?? { mode: null };
  return mode !== null && (mode & MODE_OTHERS) !== 0;
}

/**
 * Puts the certificate of the authority where clients of this directory look for it (spec 4.5), unless there is
 * something else: then they would not know which one to take.
 *
 * @returns Its path; `null` when it was not put there.
 */
export async function trustAuthority(
  { directory, clients, name }: {
    readonly directory: string;
    /** `<dir>/ca` of the clients. */
    readonly clients: string;
    /** File name that it gets there. */
    readonly name: string;
  },
): Promise<string | null> {
  const certificate = await readIfThere(`${directory}/${KEYSTORE_FILES.authority}`);
  const others = (await fileNames(clients)).filter((one) => one !== name);
  if (certificate === null || others.length > 0) return null;
  await Deno.mkdir(clients, { recursive: true });
  await replaceText(`${clients}/${name}`, certificate, MODE_PUBLIC);
  return `${clients}/${name}`;
}

/** The names of the files of a directory, sorted; none when it is not there. */
export async function fileNames(directory: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(directory)) {
      if (!isDirectory && !name.startsWith(".")) names.push(name);
    }
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
  return names.sort();
}

/** The text of a file; `null` when there is none. */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}

/** The key first: a broker that looks in between sees a pair that does not fit, and keeps what it has. */
async function writeLeaf(directory: string, { certificate, key }: KeyedCertificate): Promise<void> {
  await replaceText(`${directory}/${KEYSTORE_FILES.key}`, key, MODE_PRIVATE);
  await replaceText(`${directory}/${KEYSTORE_FILES.certificate}`, certificate, MODE_PUBLIC);
}

async function replaceText(path: string, text: string, mode: number): Promise<void> {
  await replaceFile(path, new TextEncoder().encode(text), mode);
}

async function namesThere(directory: string): Promise<readonly string[]> {
  const pem = await readIfThere(`${directory}/${KEYSTORE_FILES.certificate}`);
  const { names } = pem === null ? { names: [] } : await readCertificate(pem);
  if (names.length > 0) return names;
  throw failure(
    `Cannot renew the certificate in "${directory}": expected one with names, got none; say them ` +
      "with --host and --ip",
  );
}

function isPair(certificate: string, key: string): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch {
    // What is no key, or of a kind that is not known, belongs to none; readCertificate tells more of the other.
    return false;
  }
}

async function exposedOf(directory: string, names: readonly string[]): Promise<string[]> {
  const found = await Promise.all(names.map((name) => isExposed(`${directory}/${name}`)));
  return names.filter((_, at) => found[at]);
}

async function firstOf(directory: string, names: readonly string[]): Promise<string | null> {
  for (const name of names) {
    if (await statIfThere(`${directory}/${name}`) !== null) return name;
  }
  return null;
}

async function statIfThere(path: string): Promise<Deno.FileInfo | null> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (isAbsent(error)) return null;
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}

function failure(text: string): RembusError {
  return new RembusError(Status.ERROR, text);
}
