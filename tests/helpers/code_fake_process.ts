import { decodeCbor, encodeCbor } from "../../src/protocol/cbor.ts";
import { readFrames, toFrame } from "../../src/code/frames.ts";
import { FRAME_BYTES_MAX } from "../../src/code/limits.ts";
import type { FromCode, ToCode } from "../../src/code/messages.ts";
import type { CodeProcess } from "../../src/code/process.ts";

/** A child that a test plays. */
export class FakeCodeProcess implements CodeProcess {
  readonly stdin: WritableStream<Uint8Array>;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly stderr: ReadableStream<Uint8Array>;
  readonly ended: Promise<string>;
  /** Ids of the calls that it was told of. */
  readonly calls: number[] = [];
  wasKilled = false;
  readonly #end: (how: string) => void;
  readonly #out: WritableStreamDefaultWriter<Uint8Array>;
  readonly #printed: WritableStreamDefaultWriter<Uint8Array>;
  #hasEnded = false;

  constructor() {
    const input = new TransformStream<Uint8Array, Uint8Array>();
    const output = new TransformStream<Uint8Array, Uint8Array>(undefined, undefined, {
      highWaterMark: 1_000,
    });
    const errors = new TransformStream<Uint8Array, Uint8Array>(undefined, undefined, {
      highWaterMark: 1_000,
    });
    this.stdin = input.writable;
    this.stdout = output.readable;
    this.stderr = errors.readable;
    this.#out = output.writable.getWriter();
    this.#printed = errors.writable.getWriter();
    const { promise, resolve } = Promise.withResolvers<string>();
    this.ended = promise;
    this.#end = resolve;
    void this.#listen(input.readable);
  }

  /** Says something to the node. */
  say(message: FromCode): void {
    this.sayBytes(toFrame(encodeCbor(message)));
  }

  /** Says something that may be no message. */
  sayBytes(bytes: Uint8Array): void {
    this.#out.write(bytes).catch(() => {});
  }

  /** Prints. */
  print(text: string): void {
    this.#printed.write(new TextEncoder().encode(text)).catch(() => {});
  }

  /** Says that the code is there. */
  load(): void {
    this.say({ type: "loaded", function: "default" });
  }

  /** Answers a call. */
  result(id: number, value: unknown): void {
    this.say({ type: "result", id, value: encodeCbor(value) });
  }

  /** Ends. */
  end(how = "code 1"): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#out.close().catch(() => {});
    this.#printed.close().catch(() => {});
    this.#end(how);
  }

  kill(): void {
    this.wasKilled = true;
    this.end("SIGKILL");
  }

  async #listen(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const frame of readFrames(stream, FRAME_BYTES_MAX)) {
      const message = decodeCbor(frame) as ToCode;
      if (message.type === "call") this.calls.push(message.id);
    }
  }
}
