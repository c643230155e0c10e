import { syncDirectory, writeNew } from "../host/durable_files.ts";
import { KEY_BYTES_MAX } from "../identity/public_key.ts";

/** The files of registered names. Paths are relative to the directory of keys, with `/` between their segments. */
export interface KeyDisk {
  /** What is in a directory, the top being the empty text; nothing when it is not there. */
  list(directory: string): Promise<readonly Deno.DirEntry[]>;
  /** What a path leads to; `null` when there is nothing. A link is a file, wherever it leads. */
  kind(path: string): Promise<"file" | "directory" | null>;
  /** The content of a file. Rejects for what is no file, or is larger than any key. */
  read(path: string): Promise<Uint8Array>;
  /**
   * Makes a file with its directories, whole and durable or not at all. Resolves to `false` when there is something
   * already.
   */
  create(path: string, bytes: Uint8Array): Promise<boolean>;
  /** Removes a file durably, and the directories that it leaves empty. */
  remove(path: string): Promise<void>;
  /** Removes what a process left in a directory that ended while it made a file; the directory, too, if it is empty. */
  tidy(directory: string): Promise<number>;
}

/** Only the user of the broker reads who may log in, and with which secret. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
/** No name can begin so (D30). */
const TEMPORARY_PREFIX = ".new-";

/** {@link KeyDisk} on a real one. The directory is made with the first file. */
export class DenoKeyDisk implements KeyDisk {
  readonly #root: string;

  /** Takes the directory of keys. */
  constructor(root: string) {
    this.#root = root;
  }

  async list(directory: string): Promise<readonly Deno.DirEntry[]> {
    try {
      return await Array.fromAsync(Deno.readDir(this.#pathOf(directory)));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  }

  async kind(path: string): Promise<"file" | "directory" | null> {
    const whole = this.#pathOf(path);
    // The directory of keys itself may be a link.
    const info = await orNull(path === "" ? Deno.stat(whole) : Deno.lstat(whole));
    if (info === null) return null;
    return info.isDirectory ? "directory" : "file";
  }

  async read(path: string): Promise<Uint8Array> {
    const whole = this.#pathOf(path);
    // Before it is opened: a pipe would never end.
    const { isFile, size } = await Deno.stat(whole);
    if (!isFile) throw new Error(`expected a file, got something else at "${whole}"`);
    if (size > KEY_BYTES_MAX) {
      throw new Error(`expected at most ${KEY_BYTES_MAX} bytes, got ${size} in "${whole}"`);
    }
    return await Deno.readFile(whole);
  }

  async create(path: string, bytes: Uint8Array): Promise<boolean> {
    const parent = parentOf(path);
    await this.#makeDirectories(parent);
    try {
      return await this.#createIn(parent, { path, bytes });
    } catch (error) {
      await this.#removeEmpty(parent);
      throw error;
    }
  }

  async remove(path: string): Promise<void> {
    await Deno.remove(this.#pathOf(path));
    await this.#sync(parentOf(path));
    await this.#removeEmpty(parentOf(path));
  }

  async tidy(directory: string): Promise<number> {
    const entries = await this.list(directory);
    const left = entries.filter(({ name }) => name.startsWith(TEMPORARY_PREFIX));
    for (const { name } of left) await Deno.remove(this.#pathOf(below(directory, name)));
    if (left.length > 0) await this.#removeEmpty(directory);
    return left.length;
  }

  async #createIn(
    parent: string,
    { path, bytes }: { readonly path: string; readonly bytes: Uint8Array },
  ): Promise<boolean> {
    const temporary = this.#pathOf(below(parent, `${TEMPORARY_PREFIX}${crypto.randomUUID()}`));
    const target = this.#pathOf(path);
    try {
      await writeNew(temporary, bytes, FILE_MODE);
      if (!await linkNew(temporary, target)) return false;
      try {
        await this.#sync(parent);
      } catch (error) {
        await Deno.remove(target);
        throw error;
      }
      return true;
    } finally {
      await orNull(Deno.remove(temporary));
    }
  }

  async #makeDirectories(directory: string): Promise<void> {
    await Deno.mkdir(this.#root, { recursive: true, mode: DIRECTORY_MODE });
    let made = "";
    for (const segment of directory === "" ? [] : directory.split("/")) {
      const parent = made;
      made = below(made, segment);
      try {
        await Deno.mkdir(this.#pathOf(made), { mode: DIRECTORY_MODE });
      } catch (error) {
        if (error instanceof Deno.errors.AlreadyExists) continue;
        throw error;
      }
      await this.#sync(parent);
    }
  }

  /** An empty directory would stand in the way of a secret with that name. */
  async #removeEmpty(directory: string): Promise<void> {
    for (let path = directory; path !== ""; path = parentOf(path)) {
      try {
        await Deno.remove(this.#pathOf(path));
      } catch {
        // Not empty, or it may not be removed: then it stays.
        return;
      }
    }
  }

  async #sync(directory: string): Promise<void> {
    await syncDirectory(this.#pathOf(directory));
  }

  #pathOf(path: string): string {
    return path === "" ? this.#root : `${this.#root}/${path}`;
  }
}

/** A path in a directory. */
export function below(directory: string, name: string): string {
  return directory === "" ? name : `${directory}/${name}`;
}

/** The directory of a path; the empty text for one at the top. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** Gives a file its name; `false` when that is in use. A rename would replace what has the name. */
async function linkNew(from: string, to: string): Promise<boolean> {
  try {
    await Deno.link(from, to);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    if (await orNull(Deno.lstat(to)) !== null) return false;
  }
  // A file system without hard links. Nobody else makes names: whoever does has the lock of the broker.
  await Deno.rename(from, to);
  return true;
}

/** `null` for what is not there, and for names that no file can have. */
async function orNull<T>(found: Promise<T>): Promise<T | null> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return null;
    }
    if (error instanceof Error && "code" in error && error.code === "ENAMETOOLONG") return null;
    throw error;
  }
}
