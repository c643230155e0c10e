import { encodeCbor } from "../../src/protocol/cbor.ts";
import { readMessages } from "../../src/lake/frame_stream.ts";
import type { FromLake, ToLake } from "../../src/lake/message.ts";
import type { LakeProcess } from "../../src/lake/process.ts";

/** A lake process that a test plays. */
export class FakeProcess implements LakeProcess {
  readonly stdin: WritableStream<Uint8Array>;
  readonly stdout: ReadableStream<Uint8Array>;
  readonly ended: Promise<string>;
  /** All that it was told. */
  readonly told: ToLake[] = [];
  /** Whether it was killed. */
  wasKilled = false;
  readonly #end: (how: string) => void;
  readonly #out: WritableStreamDefaultWriter<Uint8Array>;
  #hasEnded = false;

  constructor() {
    const input = new TransformStream<Uint8Array, Uint8Array>();
    const output = new TransformStream<Uint8Array, Uint8Array>(undefined, undefined, {
      highWaterMark: 1_000,
    });
    this.stdin = input.writable;
    this.stdout = output.readable;
    this.#out = output.writable.getWriter();
    const { promise, resolve } = Promise.withResolvers<string>();
    this.ended = promise;
    this.#end = resolve;
    void this.#listen(input.readable);
  }

  /** Says something to the broker. */
  say(message: FromLake): void {
    const body = encodeCbor(message);
    const frame = new Uint8Array(4 + body.length);
    new DataView(frame.buffer).setUint32(0, body.length);
    frame.set(body, 4);
    this.#out.write(frame).catch(() => {});
  }

  /** Says something that is no message. */
  sayBytes(bytes: Uint8Array): void {
    this.#out.write(bytes).catch(() => {});
  }

  /** Says that the store is open. */
  ready(nextOffset = 0): void {
    this.say({ type: "ready", nextOffset, storage: "native", setAside: null });
  }

  /** Ends. */
  end(how = "code 1"): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#out.close().catch(() => {});
    this.#end(how);
  }

  kill(): void {
    this.wasKilled = true;
    this.end("SIGKILL");
  }

  /** What it was told of a kind. */
  toldOf<K extends ToLake["type"]>(type: K): (ToLake & { type: K })[] {
    return this.told.filter((message): message is ToLake & { type: K } => message.type === type);
  }

  async #listen(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const message of readMessages<ToLake>(stream)) {
      this.told.push(message);
      if (message.type === "stop") this.end("code 0");
    }
  }
}
