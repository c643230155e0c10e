import type { ClientKeys } from "../identity/client_keys.ts";
import { RembusError, Status } from "../protocol/errors.ts";
import { checkName } from "../protocol/name.ts";
import { errorText } from "../util/error_text.ts";
import { type Logger, SILENT } from "../util/log.ts";
import { directoryOf, removeIfThere, replaceFile, syncDirectory } from "./durable_files.ts";
import { isGranted } from "./permissions.ts";

/** Bytes of the largest `.secret` that is read: keys have a few thousand. Exceeded: it is refused. */
export const SECRET_BYTES_MAX: number = 64 * 1024;

/** Only the owner may enter a directory with a secret. */
const DIRECTORY_MODE = 0o700;
/** Only the owner may read a secret, or write it. */
const FILE_MODE = 0o600;
/** Rights of all others. */
const OTHERS_MASK = 0o077;

/** Options of {@link secretFiles}. */
export interface SecretFilesOptions {
  /** Told of a secret that others can read. @default {silent} */
  readonly logger?: Logger;
}

/** {@link ClientKeys} that can say where a key is. */
export interface SecretFiles extends ClientKeys {
  /** Path of the key of a name. Throws `TypeError` for a name that breaks the rules (D30). */
  where(name: string): string;
}

/**
 * Keys in `<dir>/<name>/.secret` (spec 4.2), for the owner alone: directories that it makes have mode 0700, files 0600.
 * A file is written under another name, synced and renamed, so that there is a whole one or none at any time.
 *
 * Each call rejects with `TypeError` for a name that breaks the rules (D30), before anything is touched, and with
 * `RembusError` (10) when a permission is missing or the system refuses.
 */
export function secretFiles(dir: string, options: SecretFilesOptions = {}): SecretFiles {
  const { logger = SILENT } = options;
  return {
    where: (name) => pathOf(dir, name),
    async load(name: string): Promise<Uint8Array | null> {
      const path = pathOf(dir, name);
      assertGranted("read", path, `read the key of "${name}"`);
      return await named(`read the key of "${name}"`, path, () => read(path, logger));
    },
    async save(name: string, secret: Uint8Array): Promise<void> {
      const path = pathOf(dir, name);
      const action = `write the key of "${name}"`;
      assertGranted("read", path, action);
      assertGranted("write", path, action);
      await named(action, path, () => write(path, secret));
    },
    async remove(name: string): Promise<void> {
      const path = pathOf(dir, name);
      const action = `remove the key of "${name}"`;
      assertGranted("read", path, action);
      assertGranted("write", path, action);
      await named(action, path, () => remove(path));
    },
  };
}

function pathOf(dir: string, name: string): string {
  const problem = checkName(name);
  if (problem === null) return `${dir}/${name}/.secret`;
  throw new TypeError(`Cannot use the key of "${name}": as for its name, ${problem}`);
}

/** The runtime would ask on the terminal, or fail with a text of its own. */
function assertGranted(name: "read" | "write", path: string, action: string): void {
  if (isGranted({ name, path })) return;
  throw new RembusError(
    Status.ERROR,
    `Cannot ${action}: expected permission to ${name} "${path}", got none; run with --allow-${name}`,
  );
}

async function named<T>(action: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RembusError) throw error;
    const text = `Cannot ${action}: expected to use "${path}", got ${errorText(error)}`;
    throw new RembusError(Status.ERROR, text, { cause: error });
  }
}

async function read(path: string, logger: Logger): Promise<Uint8Array | null> {
  using file = await openOrNull(path);
  if (file === null) return null;
  // Of the open file, so that it is the one that is read.
  const { isFile, mode, size } = await file.stat();
  if (!isFile) throw new Error("something else than a file");
  if (size > SECRET_BYTES_MAX) {
    throw new Error(`${size} bytes, of ${SECRET_BYTES_MAX} at most`);
  }
  if (mode !== null && (mode & OTHERS_MASK) !== 0) {
    logger.warn("secret open to others", { path, mode: (mode & 0o777).toString(8) });
  }
  return await readAll(file, size);
}

async function openOrNull(path: string): Promise<Deno.FsFile | null> {
  try {
    return await Deno.open(path, { read: true });
  } catch (error) {
    const isMissing = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory;
    if (isMissing) return null;
    throw error;
  }
}

async function readAll(file: Deno.FsFile, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  let length = 0;
  while (length < size) {
    const count = await file.read(bytes.subarray(length));
    if (count === null) break;
    length += count;
  }
  return bytes.subarray(0, length);
}

async function write(path: string, secret: Uint8Array): Promise<void> {
  // The mode is that of the directories which this makes: others are their owner's business.
  await Deno.mkdir(directoryOf(path), { recursive: true, mode: DIRECTORY_MODE });
  await replaceFile(path, secret, FILE_MODE);
}

async function remove(path: string): Promise<void> {
  if (await removeIfThere(path)) await syncDirectory(directoryOf(path));
}
