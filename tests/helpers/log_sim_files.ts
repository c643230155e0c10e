import type { LogFile, LogFiles } from "../../src/log/files.ts";
import type { SeededRandom } from "./seeded_random.ts";

/** What a call does besides, or instead of, its work. */
export type SimFault =
  /** It fails; of a write, the first `taken` bytes are in the file. */
  | { readonly kind: "fail"; readonly reason: string; readonly taken?: number }
  /** A write takes no more than so many bytes. */
  | { readonly kind: "short"; readonly taken: number }
  /** It waits for a promise first. */
  | { readonly kind: "wait"; readonly until: Promise<void> };

/** One call of the log to its files. */
export interface SimCall {
  /** How many calls came before it. */
  readonly index: number;
  /** Name of the method. */
  readonly method: keyof LogFile | keyof LogFiles;
  /** Name of the file; empty for the directory. */
  readonly name: string;
}

/** Calls that change something, and may fail for lack of room or for a bad disk. */
export const WRITING_METHODS: ReadonlySet<string> = new Set([
  "create",
  "write",
  "sync",
  "truncate",
  "rename",
  "remove",
  "syncDirectory",
  "openForWriting",
]);

interface Op {
  readonly at: number;
  /** `null` cuts the file at `at`. */
  readonly bytes: Uint8Array | null;
}

/** A disk writes pieces of this size or none of them. */
const SECTOR_BYTES = 512;

class Inode {
  /** What a power loss leaves at least. */
  durable: Uint8Array<ArrayBuffer> = new Uint8Array();
  /** What programs see. */
  current: Uint8Array<ArrayBuffer> = new Uint8Array();
  #capacity = new Uint8Array();
  ops: Op[] = [];

  apply(op: Op): void {
    this.current = this.#grown(this.current, op);
  }

  sync(): void {
    for (const op of this.ops) this.durable = applied(this.durable, op);
    this.ops = [];
  }

  /**
   * Every second sector of what was written is on the disk. The rest never will be, whatever a later sync says,
   * although programs go on seeing it.
   */
  failSync(): void {
    for (const op of this.ops) {
      let isKept = false;
      for (const part of sectorsOf(op)) {
        if (part.bytes === null || isKept) this.durable = applied(this.durable, part);
        isKept = !isKept;
      }
    }
    this.ops = [];
  }

  /** Some of what was not synced is on the disk, in pieces, in no order. */
  losePower(random: SeededRandom): void {
    const mood = random.float();
    let content = this.durable;
    for (const op of this.ops) {
      if (mood < 0.3) break;
      if (mood < 0.5 && random.float() < 0.3) break;
      for (const part of sectorsOf(op)) {
        if (mood > 0.9 || random.float() < 0.6) content = applied(content, part);
      }
    }
    this.durable = content.slice();
    this.current = content.slice();
    this.ops = [];
  }

  /** As `applied`, in memory that grows by half, so that many small writes are cheap. */
  #grown(content: Uint8Array<ArrayBuffer>, { at, bytes }: Op): Uint8Array<ArrayBuffer> {
    const size = bytes === null ? at : Math.max(content.byteLength, at + bytes.byteLength);
    if (this.#capacity.buffer !== content.buffer || this.#capacity.byteLength < size) {
      this.#capacity = new Uint8Array(Math.ceil(size * 1.5));
      this.#capacity.set(content.subarray(0, Math.min(size, content.byteLength)));
    }
    if (bytes !== null) this.#capacity.set(bytes, at);
    else this.#capacity.fill(0, Math.min(size, content.byteLength));
    return this.#capacity.subarray(0, size);
  }
}

/** What a disk does of a write, one sector at a time; a cut is one step. */
function sectorsOf({ at, bytes }: Op): Op[] {
  if (bytes === null) return [{ at, bytes }];
  const parts: Op[] = [];
  for (let from = 0; from < bytes.byteLength;) {
    const to = Math.min(bytes.byteLength, from + SECTOR_BYTES - (at + from) % SECTOR_BYTES);
    parts.push({ at: at + from, bytes: bytes.subarray(from, to) });
    from = to;
  }
  return parts;
}

function applied(content: Uint8Array<ArrayBuffer>, { at, bytes }: Op): Uint8Array<ArrayBuffer> {
  const size = bytes === null ? at : Math.max(content.byteLength, at + bytes.byteLength);
  const next = new Uint8Array(size);
  next.set(content.subarray(0, Math.min(size, content.byteLength)));
  if (bytes !== null) next.set(bytes, at);
  return next;
}

type Names = Map<string, Inode>;
type NameOp = (names: Names) => void;

/** A disk in memory that can fail, fill up, and lose power. */
export class SimDisk {
  /** Asked before each call. */
  fault: (call: SimCall) => SimFault | null = () => null;
  /** Bytes that it holds. Above: writes fail as on a full disk. */
  capacity = Infinity;
  /** What `freeBytes` says. */
  free: number | null = null;
  #names: Names = new Map();
  #durableNames: Names = new Map();
  #nameOps: NameOp[] = [];
  #calls = 0;
  #process = 0;
  #lockedBy: number | null = null;

  /** How many calls there were. */
  get calls(): number {
    return this.#calls;
  }

  /** The directory, for the process that runs now. */
  files(): LogFiles {
    return new SimFiles(this, this.#process);
  }

  /** The process ends; what it wrote stays, synced or not. Its calls never settle. */
  kill(): void {
    this.#process++;
    this.#lockedBy = null;
  }

  /** The process ends, and what was not synced is lost in part. */
  losePower(random: SeededRandom): void {
    this.kill();
    const isOrdered = random.float() < 0.5;
    for (const op of this.#nameOps) {
      const isKept = random.float() < 0.5;
      if (isKept) op(this.#durableNames);
      else if (isOrdered) break;
    }
    this.#nameOps = [];
    this.#names = new Map(this.#durableNames);
    for (const inode of new Set(this.#names.values())) inode.losePower(random);
  }

  /** Names of all files. */
  get names(): string[] {
    return [...this.#names.keys()].sort();
  }

  /** Content of a file as programs see it; changes are seen, and are durable. */
  content(name: string): Uint8Array {
    return this.#inode(name).current;
  }

  /** Changes one bit of a file, or those of a mask, durably. */
  flip(name: string, at: number, mask = 0x40): void {
    const { current, durable } = this.#inode(name);
    for (const content of [current, durable]) {
      if (at < content.byteLength) content[at] = (content[at] ?? 0) ^ mask;
    }
  }

  /** Sets the content of a file, durably. */
  put(name: string, content: Uint8Array): void {
    const inode = new Inode();
    inode.durable = Uint8Array.from(content);
    inode.current = Uint8Array.from(content);
    this.#names.set(name, inode);
    this.#durableNames.set(name, inode);
  }

  /** Another disk with the same content. */
  copy(): SimDisk {
    const disk = new SimDisk();
    for (const [name, { current }] of this.#names) disk.put(name, current);
    return disk;
  }

  /** Another disk with what a power loss now would leave at least. */
  durableCopy(): SimDisk {
    const disk = new SimDisk();
    for (const [name, { durable }] of this.#durableNames) disk.put(name, durable);
    return disk;
  }

  /** For the files: counts a call, and does what its fault says. */
  async enter(
    process: number,
    method: SimCall["method"],
    name: string,
  ): Promise<{ taken: number; error: Error | null }> {
    await this.#alive(process);
    const fault = this.fault({ index: this.#calls++, method, name });
    await this.#alive(process);
    if (fault?.kind === "wait") {
      await fault.until;
      await this.#alive(process);
    }
    if (fault?.kind === "fail") return { taken: fault.taken ?? 0, error: new Error(fault.reason) };
    return { taken: fault?.kind === "short" ? fault.taken : Infinity, error: null };
  }

  /** For the files. */
  open(name: string): Inode | null {
    return this.#names.get(name) ?? null;
  }

  /** For the files. */
  changeNames(op: NameOp): void {
    op(this.#names);
    this.#nameOps.push(op);
  }

  /** For the files. */
  syncNames(): void {
    for (const op of this.#nameOps) op(this.#durableNames);
    this.#nameOps = [];
  }

  /** For the files. */
  lock(process: number): AsyncDisposable | null {
    if (this.#lockedBy !== null) return null;
    this.#lockedBy = process;
    return {
      [Symbol.asyncDispose]: () => {
        if (this.#lockedBy === process) this.#lockedBy = null;
        return Promise.resolve();
      },
    };
  }

  /** For the files: bytes of all. */
  get used(): number {
    let used = 0;
    for (const { current } of new Set(this.#names.values())) used += current.byteLength;
    return used;
  }

  #alive(process: number): Promise<void> {
    return process === this.#process ? Promise.resolve() : new Promise(() => {});
  }

  #inode(name: string): Inode {
    const inode = this.#names.get(name);
    if (inode === undefined) throw new Error(`no file ${name}`);
    return inode;
  }
}

class SimFiles implements LogFiles {
  readonly #disk: SimDisk;
  readonly #process: number;

  constructor(disk: SimDisk, process: number) {
    this.#disk = disk;
    this.#process = process;
  }

  openForReading(name: string): Promise<LogFile | null> {
    return this.#open("openForReading", name);
  }

  openForWriting(name: string): Promise<LogFile | null> {
    return this.#open("openForWriting", name);
  }

  async create(name: string): Promise<LogFile> {
    await this.#enter("create", name);
    const inode = new Inode();
    this.#disk.changeNames((names) => names.set(name, inode));
    return new SimFile(this.#disk, this.#process, { name, inode });
  }

  async list(): Promise<string[]> {
    await this.#enter("list");
    return this.#disk.names;
  }

  async size(name: string): Promise<number | null> {
    await this.#enter("size", name);
    return this.#disk.open(name)?.current.byteLength ?? null;
  }

  async remove(name: string): Promise<void> {
    await this.#enter("remove", name);
    this.#disk.changeNames((names) => names.delete(name));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#enter("rename", from);
    if (this.#disk.open(from) === null) throw new Error(`no file ${from}`);
    this.#disk.changeNames((names) => {
      const inode = names.get(from);
      if (inode === undefined) return;
      names.delete(from);
      names.set(to, inode);
    });
  }

  async syncDirectory(): Promise<void> {
    await this.#enter("syncDirectory");
    this.#disk.syncNames();
  }

  async lock(): Promise<AsyncDisposable | null> {
    await this.#enter("lock");
    return this.#disk.lock(this.#process);
  }

  async freeBytes(): Promise<number | null> {
    await this.#enter("freeBytes");
    return this.#disk.free;
  }

  async #open(method: SimCall["method"], name: string): Promise<LogFile | null> {
    await this.#enter(method, name);
    const inode = this.#disk.open(name);
    return inode === null ? null : new SimFile(this.#disk, this.#process, { name, inode });
  }

  async #enter(method: SimCall["method"], name = ""): Promise<void> {
    const { error } = await this.#disk.enter(this.#process, method, name);
    if (error !== null) throw error;
  }
}

class SimFile implements LogFile {
  readonly #disk: SimDisk;
  readonly #process: number;
  readonly #name: string;
  readonly #inode: Inode;

  constructor(disk: SimDisk, process: number, file: { name: string; inode: Inode }) {
    this.#disk = disk;
    this.#process = process;
    this.#name = file.name;
    this.#inode = file.inode;
  }

  async read(into: Uint8Array, at: number): Promise<number> {
    await this.#enter("read");
    const bytes = this.#inode.current.subarray(at, at + into.byteLength);
    into.set(bytes);
    return bytes.byteLength;
  }

  async write(bytes: Uint8Array, at: number): Promise<number> {
    const { taken, error } = await this.#disk.enter(this.#process, "write", this.#name);
    const room = Math.max(0, this.#disk.capacity - this.#disk.used);
    const grows = Math.max(0, at + bytes.byteLength - this.#inode.current.byteLength);
    const fits = grows > room ? bytes.byteLength - (grows - room) : bytes.byteLength;
    const count = Math.max(0, Math.min(bytes.byteLength, taken, fits));
    if (count > 0) this.#do({ at, bytes: bytes.slice(0, count) });
    if (error !== null) throw error;
    if (count === 0 && bytes.byteLength > 0) throw new Error("No space left on device");
    return count;
  }

  async sync(): Promise<void> {
    const { error } = await this.#disk.enter(this.#process, "sync", this.#name);
    if (error === null) {
      this.#inode.sync();
      return;
    }
    this.#inode.failSync();
    throw error;
  }

  async truncate(bytes: number): Promise<void> {
    await this.#enter("truncate");
    this.#do({ at: bytes, bytes: null });
  }

  async size(): Promise<number> {
    await this.#enter("size");
    return this.#inode.current.byteLength;
  }

  async close(): Promise<void> {
    await this.#enter("close");
  }

  #do(op: Op): void {
    this.#inode.apply(op);
    this.#inode.ops.push(op);
  }

  async #enter(method: SimCall["method"]): Promise<void> {
    const { error } = await this.#disk.enter(this.#process, method, this.#name);
    if (error !== null) throw error;
  }
}
