import type { Keys, StoredKey } from "../broker/keys.ts";
import { KeyError } from "../identity/errors.ts";
import { checkName } from "../protocol/name.ts";
import { LimitError, RembusError, Status } from "../protocol/errors.ts";
import { errorText } from "../util/error_text.ts";
import { type Logger, SILENT } from "../util/log.ts";
import { readKey, toKeyFile } from "./key_content.ts";
import { below, DenoKeyDisk, type KeyDisk, parentOf } from "./key_disk.ts";
import {
  hasKeySuffix,
  type KeyPath,
  keyPaths,
  nameOfKeyPath,
  registeredNameProblem,
} from "./key_name.ts";

/**
 * Registered names of a broker, all of them being in memory. Exceeded: further ones are refused, and a directory
 * with more is not opened.
 */
export const NAMES_MAX = 100_000;

/** What {@link KeyFiles} works with. */
export interface KeyFilesParts {
  /** The files. */
  readonly disk: KeyDisk;
  /** Where they are, for the operator. */
  readonly directory: string;
  /** Where events go. */
  readonly logger: Logger;
  /** Names that there may be. @default NAMES_MAX */
  readonly namesMax?: number;
}

/**
 * The registered names in a directory, `<dir>/<broker>/keys`: `<cid>.rsa.pem`, `.ecdsa.pem`, `.rsa.der` or
 * `.ecdsa.der` with a public key, the first that is there being the one that counts, else `<cid>` with a shared
 * secret in its first line (rembus-jl 5.1). Names with `/` are in directories below. The directory is made with the
 * first key; links to directories are not followed. Rejects when it cannot be read.
 */
export async function openKeyFiles(directory: string, logger: Logger = SILENT): Promise<Keys> {
  const keys = new KeyFiles({ disk: new DenoKeyDisk(directory), directory, logger });
  await keys.open();
  return keys;
}

/** What is in a directory of keys. */
interface Found {
  readonly names: Set<string>;
  /** The empty text for the top. */
  readonly directories: string[];
}

/** {@link Keys} on files. Whoever writes must be the only one, and have the lock of the broker. */
export class KeyFiles implements Keys {
  readonly #parts: KeyFilesParts;
  readonly #namesMax: number;
  #names = new Set<string>();
  /** How often something was stored, removed or looked at as a whole: what was seen before means nothing then. */
  #changes = 0;
  #turn: Promise<unknown> = Promise.resolve();

  /** Knows no name before {@link open}. */
  constructor(parts: KeyFilesParts) {
    this.#parts = parts;
    this.#namesMax = parts.namesMax ?? NAMES_MAX;
  }

  /** Removes what an interrupted registration left, and looks at all names. */
  async open(): Promise<void> {
    await this.#inTurn(async () => await this.#tidy(await this.#look()));
  }

  names(): readonly string[] {
    return [...this.#names];
  }

  has(name: string): boolean {
    return this.#names.has(name);
  }

  async get(name: string): Promise<StoredKey | null> {
    if (checkName(name) !== null) return null;
    const changes = this.#changes;
    try {
      const found = await this.#find(name);
      if (found === null) await this.#checkDirectory(name);
      if (changes === this.#changes) this.#note(name, found !== null);
      if (found === null) return null;
      return await readKey(found, await this.#parts.disk.read(found.path));
    } catch (error) {
      throw this.#failure(`read the key of "${name}"`, error);
    }
  }

  async put(name: string, key: StoredKey): Promise<boolean> {
    const problem = registeredNameProblem(name);
    if (problem !== null) throw new RembusError(Status.ERROR, `Cannot store a key: ${problem}`);
    const file = await toKeyFile(name, key);
    return await this.#inTurn(async () => {
      try {
        if (await this.#locate(name) !== null) return false;
        this.#checkRoom();
        const { disk } = this.#parts;
        if (await disk.kind(file.path) === "directory") {
          throw new KeyError(`Cannot store a secret of "${name}": there are names below it`);
        }
        if (!await disk.create(file.path, file.bytes)) return false;
      } catch (error) {
        throw this.#failure(`store the key of "${name}"`, error);
      }
      this.#changes++;
      this.#names.add(name);
      return true;
    });
  }

  async remove(name: string): Promise<boolean> {
    if (checkName(name) !== null) return false;
    return await this.#inTurn(async () => {
      try {
        return await this.#removeAll(name);
      } catch (error) {
        throw this.#failure(`remove the key of "${name}"`, error);
      }
    });
  }

  reload(): Promise<void> {
    return this.#inTurn(async () => void await this.#look());
  }

  /** Looks at all of it. Resolves to the directories that it saw. */
  async #look(): Promise<readonly string[]> {
    const found: Found = { names: new Set(), directories: [] };
    try {
      await this.#collect("", found);
    } catch (error) {
      throw this.#failure("read the registered names", error);
    }
    this.#changes++;
    this.#names = found.names;
    return found.directories;
  }

  /** A directory that is gone, such as that of a disk which is not mounted, gives no name free. */
  async #checkDirectory(name: string): Promise<void> {
    if (!this.#names.has(name) || await this.#parts.disk.kind("") === "directory") return;
    throw new Error("expected a directory of keys, got none any more");
  }

  /** The file that counts for a name, its case included; `null` when there is none. */
  async #find(name: string): Promise<KeyPath | null> {
    const found = await this.#locate(name);
    if (found === null || this.#names.has(name)) return found;
    return await this.#isExact(found.path) ? found : null;
  }

  /** As {@link #find}, but where the disk ignores case it finds the file of another name. */
  async #locate(name: string): Promise<KeyPath | null> {
    for (const candidate of keyPaths(name)) {
      if (await this.#isThere(candidate)) return candidate;
    }
    return null;
  }

  /** Whatever is called like a key blocks the name. A directory called like a secret is one of other names. */
  async #isThere({ path, isSecret }: KeyPath): Promise<boolean> {
    const kind = await this.#parts.disk.kind(path);
    return isSecret ? kind === "file" : kind !== null;
  }

  async #isExact(path: string): Promise<boolean> {
    for (let at = path; at !== ""; at = parentOf(at)) {
      const entries = await this.#parts.disk.list(parentOf(at));
      const entry = entries.find(({ name }) => below(parentOf(at), name) === at);
      if (entry === undefined || (at !== path && !entry.isDirectory)) return false;
    }
    return true;
  }

  /** The one that counts last: while another cannot be removed, nothing has changed. */
  async #removeAll(name: string): Promise<boolean> {
    const { disk } = this.#parts;
    let wasThere = false;
    for (const candidate of keyPaths(name).toReversed()) {
      if (!await this.#isThere(candidate) || !await this.#isExact(candidate.path)) continue;
      await disk.remove(candidate.path);
      wasThere = true;
    }
    this.#changes++;
    this.#names.delete(name);
    return wasThere;
  }

  /** Adds everything in a directory and below. */
  async #collect(directory: string, found: Found): Promise<void> {
    const { names, directories } = found;
    directories.push(directory);
    for (const entry of await this.#parts.disk.list(directory)) {
      const path = below(directory, entry.name);
      const isName = !entry.isDirectory || hasKeySuffix(path);
      const name = isName ? nameOfKeyPath(path) : null;
      if (name !== null) names.add(name);
      if (names.size > this.#namesMax) throw this.#full();
      // What is no name has no names below it either; that ends what is nested too deeply.
      if (entry.isDirectory && checkName(path) === null) await this.#collect(path, found);
    }
  }

  async #tidy(directories: readonly string[]): Promise<void> {
    const { disk, directory, logger } = this.#parts;
    try {
      let files = 0;
      for (const one of directories) files += await disk.tidy(one);
      if (files > 0) logger.warn("unfinished keys removed", { directory, files });
    } catch (error) {
      // They are of no harm, and the broker may be one that only reads.
      logger.warn("unfinished keys left", { directory, reason: errorText(error) });
    }
  }

  #note(name: string, isThere: boolean): void {
    if (!isThere) this.#names.delete(name);
    else if (!this.#names.has(name)) {
      this.#checkRoom();
      this.#names.add(name);
    }
  }

  #checkRoom(): void {
    if (this.#names.size >= this.#namesMax) throw this.#full();
  }

  #full(): LimitError {
    return new LimitError(`Cannot register more than ${this.#namesMax} names`);
  }

  /** Fit for a peer; the operator gets the whole of it. */
  #failure(what: string, error: unknown): RembusError {
    if (error instanceof RembusError) {
      this.#parts.logger.warn("key refused", { what, reason: error.message });
      return error;
    }
    const { directory, logger } = this.#parts;
    logger.error("keys failed", { what, directory, reason: errorText(error) });
    return new RembusError(Status.ERROR, `Cannot ${what}: ${reasonOf(error)}`, { cause: error });
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    // What failed before was reported to whoever asked for it.
    const result = this.#turn.then(action, action);
    this.#turn = result;
    return result;
  }
}

/** Code of a failure -> what a peer is told. */
const REASONS: ReadonlyMap<unknown, string> = new Map([
  ["EACCES", "the disk does not allow it"],
  ["EPERM", "the disk does not allow it"],
  ["EROFS", "the disk may not be written"],
  ["ENOSPC", "the disk is full"],
  ["EDQUOT", "the disk is full"],
  ["ENAMETOOLONG", "the name is too long for the disk"],
  ["ENOTDIR", "a part of the name has a shared secret"],
]);

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : null;
  return REASONS.get(code) ?? "the storage failed";
}
