import type { Keys, StoredKey } from "../../src/broker/keys.ts";
import { generateKeys } from "../../src/identity/generate.ts";
import type { KeyDisk } from "../../src/store/key_disk.ts";
import { openKeyFiles } from "../../src/store/key_files.ts";
import { temporaryDirectory } from "./lake_directory.ts";
import { NotingLogger } from "./noting_logger.ts";

const encoder = new TextEncoder();
/** Its bytes in PEM. */
export const RSA = encoder.encode((await generateKeys("rsa")).publicPem);
/** Its bytes in PEM. */
export const ECDSA = encoder.encode((await generateKeys("ecdsa")).publicPem);
/** A public key. */
export const rsa: StoredKey = { kind: "rsa", bytes: RSA };
/** Another one. */
export const ecdsa: StoredKey = { kind: "ecdsa", bytes: ECDSA };

/** A shared secret. */
export function secret(text: string): StoredKey {
  return { kind: "secret", bytes: encoder.encode(text) };
}

/** The DER in a PEM. */
export function derOf(pem: Uint8Array): Uint8Array {
  const base64 = new TextDecoder().decode(pem).replaceAll(/-----[^-]+-----|\s/g, "");
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** A directory of keys, opened. */
export interface KeyDirectory extends AsyncDisposable {
  readonly keys: Keys;
  readonly logger: NotingLogger;
  /** The directory of keys; not made yet. */
  readonly path: string;
  write(path: string, content: string | Uint8Array): Promise<void>;
  /** Every file and directory, sorted. */
  files(): Promise<string[]>;
}

/** Makes one, with nothing in it. */
export async function openKeyDirectory(): Promise<KeyDirectory> {
  const directory = await temporaryDirectory();
  const path = `${directory.path}/broker/keys`;
  const logger = new NotingLogger();
  return {
    path,
    logger,
    keys: await openKeyFiles(path, logger),
    async write(name, content) {
      const whole = `${path}/${name}`;
      await Deno.mkdir(whole.slice(0, whole.lastIndexOf("/")), { recursive: true });
      const bytes = typeof content === "string" ? encoder.encode(content) : content;
      await Deno.writeFile(whole, bytes);
    },
    files: () => filesIn(path),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

async function filesIn(path: string, below = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(`${path}/${below}`)) {
    found.push(`${below}${entry.name}`);
    if (entry.isDirectory) found.push(...await filesIn(path, `${below}${entry.name}/`));
  }
  return found.sort();
}

/** A disk of which some does something else. */
export function withDisk(disk: KeyDisk, changed: Partial<KeyDisk>): KeyDisk {
  return {
    list: (directory) => disk.list(directory),
    kind: (path) => disk.kind(path),
    read: (path) => disk.read(path),
    create: (path, bytes) => disk.create(path, bytes),
    remove: (path) => disk.remove(path),
    tidy: (directory) => disk.tidy(directory),
    ...changed,
  };
}
