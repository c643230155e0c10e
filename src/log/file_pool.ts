import { LogError, reasonOf } from "./errors.ts";
import type { LogFile, LogFiles } from "./files.ts";
import { FILES_OPEN_MAX } from "./limits.ts";

interface Pooled {
  readonly file: Promise<LogFile | null>;
  users: number;
  /** Whether it is to be closed as soon as nobody uses it. */
  isForgotten: boolean;
}

/** Files that readers share, so that reading on does not open a file anew. */
export class FilePool {
  readonly #files: LogFiles;
  /** Name -> open file, the one not used for longest first. */
  readonly #pooled = new Map<string, Pooled>();
  /** Files being closed. */
  readonly #closing = new Set<Promise<void>>();
  #isClosed = false;

  /** Makes an empty pool. */
  constructor(files: LogFiles) {
    this.#files = files;
  }

  /**
   * Reads as `LogFile.read` does; `null` when there is no such file.
   *
   * @throws {LogError} `io` when the disk fails; the next read opens the file anew. `closed` after `close`.
   */
  async read(name: string, into: Uint8Array, at: number): Promise<number | null> {
    if (this.#isClosed) throw new LogError("closed", `Cannot read log file "${name}": log closed`);
    const pooled = this.#take(name);
    try {
      const file = await pooled.file;
      if (file !== null) return await file.read(into, at);
      // It may be created yet.
      this.forget(name);
      return null;
    } catch (cause) {
      this.forget(name);
      throw new LogError("io", `Cannot read log file "${name}": ${reasonOf(cause)}`, { cause });
    } finally {
      pooled.users--;
      if (pooled.isForgotten && pooled.users === 0) this.#close(pooled);
      this.#shrink();
    }
  }

  /** Opens the file anew for the next read: it was removed, replaced, or failed. */
  forget(name: string): void {
    const pooled = this.#pooled.get(name);
    if (pooled === undefined) return;
    this.#pooled.delete(name);
    pooled.isForgotten = true;
    if (pooled.users === 0) this.#close(pooled);
  }

  /** Closes all files. Those in use are closed when they are not used any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const name of [...this.#pooled.keys()]) this.forget(name);
    await Promise.all(this.#closing);
  }

  #take(name: string): Pooled {
    const known = this.#pooled.get(name);
    const pooled = known ??
      { file: this.#files.openForReading(name), users: 0, isForgotten: false };
    pooled.users++;
    this.#pooled.delete(name);
    this.#pooled.set(name, pooled);
    return pooled;
  }

  #shrink(): void {
    if (this.#pooled.size <= FILES_OPEN_MAX) return;
    for (const [name, { users }] of this.#pooled) {
      if (users > 0) continue;
      this.forget(name);
      return;
    }
  }

  #close(pooled: Pooled): void {
    const closing = pooled.file.then((file) => file?.close()).catch(() => {
      // Nothing was written through it, so that nothing is lost when closing fails.
    }).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}
