import { replaceFile, syncDirectory } from "../host/durable_files.ts";
import { RembusError, Status } from "../protocol/errors.ts";
import type { Logger } from "../util/log.ts";
import { CONTENT_BYTES_MAX, NAMES_MAX } from "./limits.ts";
import { checkCodeName, type CodeKind } from "./names.ts";

/** Code that is installed, as it lies on the disk. */
export interface CodeFile {
  readonly name: string;
  readonly tag: string;
  readonly content: string;
}

const EXTENSION = ".ts";
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
/** Directory of each kind. */
const FOLDER: Readonly<Record<CodeKind, string>> = {
  service: "services",
  subscriber: "subscribers",
};

/** Name of the file of code, below the directory of its kind: `<name>/<tag>.ts`. */
export function codeFileName({ name, tag }: Pick<CodeFile, "name" | "tag">): string {
  return `${name}/${tag}${EXTENSION}`;
}

/**
 * Code of one kind on the disk: a directory for each name, with one file in it. Names and tags must have been
 * checked by `checkCodeName`.
 */
export class CodeFiles {
  readonly #dir: string;
  readonly #logger: Logger;

  /** Code below `dir`, which need not exist. */
  constructor(
    { dir, kind, logger }: {
      readonly dir: string;
      readonly kind: CodeKind;
      readonly logger: Logger;
    },
  ) {
    this.#dir = `${dir}/${FOLDER[kind]}`;
    this.#logger = logger;
  }

  /** Everything that can be used, sorted by name. What cannot is logged and skipped: never rejects. */
  async readAll(): Promise<CodeFile[]> {
    const files: CodeFile[] = [];
    try {
      const names = await this.#names();
      for (const name of names.slice(0, NAMES_MAX)) {
        const file = await this.#readOrSkip(name);
        if (file !== null) files.push(file);
      }
      if (names.length > NAMES_MAX) {
        this.#logger.error("code skipped", {
          directory: this.#dir,
          reason: `more than ${NAMES_MAX} names`,
        });
      }
    } catch (error) {
      this.#logger.error("code skipped", { directory: this.#dir, error });
    }
    return files;
  }

  /** Writes code in the place of what was there under that name. Either all of it is durable, or nothing changes. */
  async write({ name, tag, content }: CodeFile): Promise<void> {
    const directory = this.#directoryOf(name);
    await Deno.mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
    const path = `${this.#dir}/${codeFileName({ name, tag })}`;
    await replaceFile(path, new TextEncoder().encode(content), FILE_MODE);
    await syncDirectory(this.#dir);
    await this.#removeOthers(name, tag);
  }

  /** Removes a name, and nothing else. One that is not there is no error. */
  async remove(name: string): Promise<void> {
    await removeAll(this.#directoryOf(name));
    await syncDirectory(this.#dir).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }

  #directoryOf(name: string): string {
    return `${this.#dir}/${name}`;
  }

  async #names(): Promise<string[]> {
    const names: string[] = [];
    try {
      for await (const { name, isDirectory } of Deno.readDir(this.#dir)) {
        // A link is not followed: it would lead out of the directory.
        if (isDirectory && checkCodeName(name) === null) names.push(name);
        else this.#logger.warn("code skipped", { directory: this.#dir, entry: name });
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return names.sort();
  }

  async #readOrSkip(name: string): Promise<CodeFile | null> {
    try {
      const tag = await this.#newestTag(name);
      if (tag === null) return null;
      const path = `${this.#dir}/${codeFileName({ name, tag })}`;
      const { size } = await Deno.stat(path);
      if (size > CONTENT_BYTES_MAX) {
        throw new RembusError(
          Status.ERROR,
          `Cannot read "${path}": expected at most ${CONTENT_BYTES_MAX} bytes, got ${size}`,
        );
      }
      return { name, tag, content: await Deno.readTextFile(path) };
    } catch (error) {
      this.#logger.error("code skipped", { directory: this.#dir, name, error });
      return null;
    }
  }

  /** The tag of the file: of the newest one, should a replacement have been interrupted. */
  async #newestTag(name: string): Promise<string | null> {
    let newest: { readonly tag: string; readonly at: number } | null = null;
    for (const tag of await this.#tags(name)) {
      const { mtime } = await Deno.lstat(`${this.#dir}/${codeFileName({ name, tag })}`);
      const at = mtime?.getTime() ?? 0;
      if (newest === null || at > newest.at) newest = { tag, at };
    }
    return newest?.tag ?? null;
  }

  async #tags(name: string): Promise<string[]> {
    const tags: string[] = [];
    for await (const entry of Deno.readDir(this.#directoryOf(name))) {
      const tag = entry.name.slice(0, -EXTENSION.length);
      const isCode = entry.isFile && entry.name.endsWith(EXTENSION) && checkCodeName(tag) === null;
      if (isCode) tags.push(tag);
    }
    return tags;
  }

  async #removeOthers(name: string, kept: string): Promise<void> {
    const directory = this.#directoryOf(name);
    const stale = await Array.fromAsync(Deno.readDir(directory));
    for (const { name: entry } of stale) {
      if (entry !== `${kept}${EXTENSION}`) await removeAll(`${directory}/${entry}`);
    }
    await syncDirectory(directory);
  }
}

async function removeAll(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
