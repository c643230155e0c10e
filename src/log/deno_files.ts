import { statfs } from "node:fs/promises";
import type { LogFile, LogFiles } from "./files.ts";

/** Name of the file whose lock stands for the directory. */
const LOCK_NAME = "lock";
/** Only the user of the broker reads what was published. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/**
 * The directory of a log on a real disk. It is made, for its user only, when it is locked or a file is created.
 * Reading needs the permission to read it, and writing both.
 */
export function denoLogFiles(directory: string): LogFiles {
  return new DenoLogFiles(directory);
}

class DenoLogFiles implements LogFiles {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  openForReading(name: string): Promise<LogFile | null> {
    return this.#open(name, { read: true });
  }

  openForWriting(name: string): Promise<LogFile | null> {
    return this.#open(name, { read: true, write: true });
  }

  async create(name: string): Promise<LogFile> {
    await this.#makeDirectory();
    return new DenoLogFile(
      await Deno.open(this.#pathOf(name), {
        read: true,
        write: true,
        create: true,
        truncate: true,
        mode: FILE_MODE,
      }),
    );
  }

  async list(): Promise<string[]> {
    const names = async (): Promise<string[]> => {
      const entries = await Array.fromAsync(Deno.readDir(this.#directory));
      return entries.filter(({ isFile }) => isFile).map(({ name }) => name);
    };
    return await orNull(names()) ?? [];
  }

  async size(name: string): Promise<number | null> {
    const info = await orNull(Deno.stat(this.#pathOf(name)));
    return info?.size ?? null;
  }

  async remove(name: string): Promise<void> {
    await orNull(Deno.remove(this.#pathOf(name)));
  }

  async rename(from: string, to: string): Promise<void> {
    await Deno.rename(this.#pathOf(from), this.#pathOf(to));
  }

  async syncDirectory(): Promise<void> {
    // Windows cannot open a directory, and needs no sync of one.
    if (Deno.build.os === "windows") return;
    using directory = await Deno.open(this.#directory, { read: true });
    await directory.sync();
  }

  async lock(): Promise<AsyncDisposable | null> {
    await this.#makeDirectory();
    const file = await Deno.open(this.#pathOf(LOCK_NAME), {
      read: true,
      write: true,
      create: true,
      mode: FILE_MODE,
    });
    if (await file.tryLock(true)) {
      // Closing the file gives the lock back; so does the end of the process.
      return {
        [Symbol.asyncDispose]: () => {
          file.close();
          return Promise.resolve();
        },
      };
    }
    file.close();
    return null;
  }

  async freeBytes(): Promise<number | null> {
    try {
      const { state } = await Deno.permissions.query({ name: "sys", kind: "statfs" });
      if (state !== "granted") return null;
      const { bavail, bsize } = await statfs(this.#directory);
      return bavail * bsize;
    } catch {
      // Unknown is an answer here: the disk itself says when it is full.
      return null;
    }
  }

  async #open(name: string, options: Deno.OpenOptions): Promise<LogFile | null> {
    const file = await orNull(Deno.open(this.#pathOf(name), options));
    return file === null ? null : new DenoLogFile(file);
  }

  #makeDirectory(): Promise<void> {
    return Deno.mkdir(this.#directory, { recursive: true, mode: DIRECTORY_MODE });
  }

  #pathOf(name: string): string {
    return `${this.#directory}/${name}`;
  }
}

/** A file has one position, so that each access waits for the one before. */
class DenoLogFile implements LogFile {
  readonly #file: Deno.FsFile;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  read(into: Uint8Array, at: number): Promise<number> {
    return this.#inTurn(async () => {
      await this.#file.seek(at, Deno.SeekMode.Start);
      let done = 0;
      while (done < into.byteLength) {
        const read = await this.#file.read(into.subarray(done));
        if (read === null) break;
        done += read;
      }
      return done;
    });
  }

  write(bytes: Uint8Array, at: number): Promise<number> {
    return this.#inTurn(async () => {
      await this.#file.seek(at, Deno.SeekMode.Start);
      return await this.#file.write(bytes);
    });
  }

  sync(): Promise<void> {
    return this.#inTurn(() => this.#file.syncData());
  }

  truncate(bytes: number): Promise<void> {
    return this.#inTurn(() => this.#file.truncate(bytes));
  }

  size(): Promise<number> {
    return this.#inTurn(async () => (await this.#file.stat()).size);
  }

  close(): Promise<void> {
    return this.#inTurn(() => {
      this.#file.close();
      return Promise.resolve();
    });
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    // What failed before was reported to whoever asked for it.
    const result = this.#turn.then(action, action);
    this.#turn = result;
    return result;
  }
}

/** `null` for a file that does not exist. */
async function orNull<T>(opened: Promise<T>): Promise<T | null> {
  try {
    return await opened;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
