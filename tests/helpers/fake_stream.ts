import type { ByteStream } from "../../src/link/byte_stream.ts";
import { joined } from "./ws_frame.ts";

/** A connection without a network: a test says what comes, and when writing goes on. */
export class FakeStream implements ByteStream {
  /** Every write that was done, in order. */
  readonly writes: Uint8Array[] = [];
  /** Most bytes that one write takes. */
  writeMax = Infinity;
  isClosed = false;
  isWriteClosed = false;
  readonly #incoming: (Uint8Array | null | Error)[] = [];
  #reader: { into: Uint8Array; resolve: (count: number | null) => void; reject: Fail } | null =
    null;
  #writer: { bytes: Uint8Array; resolve: (count: number) => void; reject: Fail } | null = null;
  #isStalled = false;
  #writeError: Error | null = null;

  /** Everything that was written. */
  get written(): Uint8Array<ArrayBuffer> {
    return joined(this.writes);
  }

  /** Whether somebody waits for something to come. */
  get isReading(): boolean {
    return this.#reader !== null;
  }

  /** Lets bytes come; `null` is the end, an error breaks the connection. */
  receive(...items: (Uint8Array | null | Error)[]): void {
    this.#incoming.push(...items);
    this.#feed();
  }

  /** Writing takes nothing until `flow`. */
  stall(): void {
    this.#isStalled = true;
  }

  /** Writing goes on. */
  flow(): void {
    this.#isStalled = false;
    const writer = this.#writer;
    this.#writer = null;
    if (writer !== null) writer.resolve(this.#take(writer.bytes));
  }

  /** Every write from now on fails. */
  failWrites(error: Error): void {
    this.#writeError = error;
    this.#writer?.reject(error);
    this.#writer = null;
  }

  read(into: Uint8Array): Promise<number | null> {
    if (this.isClosed) return Promise.reject(new Error("closed"));
    if (into.length === 0) return Promise.reject(new Error("no room to read into"));
    const { promise, resolve, reject } = Promise.withResolvers<number | null>();
    this.#reader = { into, resolve, reject };
    this.#feed();
    return promise;
  }

  write(bytes: Uint8Array): Promise<number> {
    if (this.isClosed) return Promise.reject(new Error("closed"));
    if (this.#writeError !== null) return Promise.reject(this.#writeError);
    if (!this.#isStalled) return Promise.resolve(this.#take(bytes));
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#writer = { bytes, resolve, reject };
    return promise;
  }

  closeWrite(): Promise<void> {
    this.isWriteClosed = true;
    return Promise.resolve();
  }

  close(): void {
    if (this.isClosed) throw new Error("closed twice");
    this.isClosed = true;
    this.#reader?.reject(new Error("closed"));
    this.#writer?.reject(new Error("closed"));
    this.#reader = this.#writer = null;
  }

  #take(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.writeMax);
    this.writes.push(bytes.slice(0, count));
    return count;
  }

  #feed(): void {
    const reader = this.#reader;
    const [item] = this.#incoming;
    if (reader === null || item === undefined) return;
    this.#reader = null;
    if (item === null) return reader.resolve(null);
    if (item instanceof Error) return reader.reject(item);
    const piece = item.subarray(0, reader.into.length);
    reader.into.set(piece);
    if (piece.length < item.length) this.#incoming[0] = item.subarray(piece.length);
    else this.#incoming.shift();
    reader.resolve(piece.length);
  }
}

type Fail = (error: Error) => void;
