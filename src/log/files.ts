/** One open file of the log. Any call may reject with an error of the system. */
export interface LogFile {
  /**
   * Reads at a position into the whole of `into`. Returns how many bytes it got: fewer than asked for
   * only at the end of the file.
   */
  read(into: Uint8Array, at: number): Promise<number>;
  /** Writes at a position. Returns how many bytes were taken, which may be fewer than given. */
  write(bytes: Uint8Array, at: number): Promise<number>;
  /** Makes what was written, and the size of the file, survive a power loss (fdatasync). */
  sync(): Promise<void>;
  /** Cuts the file, or extends it with zeros. */
  truncate(bytes: number): Promise<void>;
  /** Size in bytes. */
  size(): Promise<number>;
  /** Closes the file; nothing is synced. */
  close(): Promise<void>;
}

/** The directory of a log, and nothing else of the file system. Names are plain, without a path. */
export interface LogFiles {
  /** Opens a file for reading; `null` when there is none of this name. */
  openForReading(name: string): Promise<LogFile | null>;
  /** Opens a file for writing and reading; `null` when there is none of this name. */
  openForWriting(name: string): Promise<LogFile | null>;
  /** Makes an empty file, in place of one of this name, and the directory if need be. */
  create(name: string): Promise<LogFile>;
  /** The names of all files; none when there is no directory. */
  list(): Promise<string[]>;
  /** Size of a file in bytes; `null` when there is none of this name. */
  size(name: string): Promise<number | null>;
  /** Removes a file; one that does not exist is no error. */
  remove(name: string): Promise<void>;
  /** Renames a file, in place of one that has the new name already. Atomic. */
  rename(from: string, to: string): Promise<void>;
  /** Makes names that were created, renamed or removed survive a power loss. */
  syncDirectory(): Promise<void>;
  /** Takes the exclusive lock of the directory, which is made if need be; `null` when somebody else has it. */
  lock(): Promise<AsyncDisposable | null>;
  /** Free bytes of the disk; `null` when that cannot be found out. */
  freeBytes(): Promise<number | null>;
}

/** Writes all of `bytes`, in as many calls as the file wants. Rejects when the file takes nothing. */
export async function writeAll(file: LogFile, bytes: Uint8Array, at: number): Promise<void> {
  let done = 0;
  while (done < bytes.byteLength) {
    const taken = await file.write(done === 0 ? bytes : bytes.subarray(done), at + done);
    if (!(taken > 0)) {
      throw new Error(
        `Cannot write at ${at + done}: wanted ${bytes.byteLength - done} bytes, got none`,
      );
    }
    done += taken;
  }
}

/** Reads a file from beginning to end; `null` when there is none, or when it is longer than `bytesMax`. */
export async function readWhole(
  files: LogFiles,
  name: string,
  bytesMax: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const file = await files.openForReading(name);
  if (file === null) return null;
  try {
    const size = await file.size();
    if (size > bytesMax) return null;
    const bytes = new Uint8Array(size);
    const read = await file.read(bytes, 0);
    return bytes.subarray(0, read);
  } finally {
    await file.close();
  }
}

/**
 * Writes a small file so that after a crash there is the old one, or the whole new one, or none: under
 * another name first, synced, then renamed.
 */
export async function writeWhole(
  files: LogFiles,
  name: string,
  bytes: Uint8Array,
): Promise<void> {
  const temporary = `${name}${TEMPORARY_END}`;
  const file = await files.create(temporary);
  try {
    await writeAll(file, bytes, 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await files.rename(temporary, name);
  await files.syncDirectory();
}

/** How the names of unfinished files end; those of an earlier run are removed at start. */
export const TEMPORARY_END = ".tmp";
