import { decodeCbor, encodeCbor } from "../protocol/cbor.ts";
import { InvariantError } from "../protocol/errors.ts";

/**
 * Messages between broker and lake process over pipes: four bytes of length, big-endian, then CBOR.
 *
 * ```text
 * | length: 4 bytes | CBOR: length bytes | length | CBOR | ...
 * ```
 */
const LENGTH_BYTES = 4;
/** The largest message: a result of 56 MiB with its envelope fits. A longer one is a fault of ours. */
export const MESSAGE_BYTES_MAX: number = 128 * 1_024 * 1_024;

/** Writes messages in order. */
export class MessageWriter<T> {
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  #last: Promise<void> = Promise.resolve();

  /** Takes the stream for itself. */
  constructor(stream: WritableStream<Uint8Array>) {
    this.#writer = stream.getWriter();
  }

  /** Queues one message; resolves once it left, rejects when the other end is gone. */
  send(message: T): Promise<void> {
    const body = encodeCbor(message);
    const frame = new Uint8Array(LENGTH_BYTES + body.length);
    new DataView(frame.buffer).setUint32(0, body.length);
    frame.set(body, LENGTH_BYTES);
    this.#last = this.#writer.write(frame);
    return this.#last;
  }

  /** Ends the stream after what was queued. */
  async close(): Promise<void> {
    await this.#writer.close();
  }
}

/**
 * Reads messages until the stream ends. A stream that ends inside a message ends just so: the other
 * process died while it wrote.
 *
 * @throws {InvariantError} For a length that no message of ours has.
 */
export async function* readMessages<T>(stream: ReadableStream<Uint8Array>): AsyncGenerator<T> {
  const parts: Uint8Array[] = [];
  let have = 0;
  let wanted: number | null = null;
  for await (const part of stream) {
    parts.push(part);
    have += part.length;
    for (;;) {
      if (wanted === null) {
        if (have < LENGTH_BYTES) break;
        const head = take(parts, LENGTH_BYTES);
        have -= LENGTH_BYTES;
        wanted = new DataView(head.buffer, head.byteOffset).getUint32(0);
        if (wanted > MESSAGE_BYTES_MAX) {
          throw new InvariantError(`Cannot read a message: ${wanted} bytes are too many`);
        }
      }
      if (have < wanted) break;
      const body = take(parts, wanted);
      have -= wanted;
      wanted = null;
      yield decodeCbor(body) as T;
    }
  }
}

/** Takes bytes off the front; they are copied only when they lie in several parts. */
function take(parts: Uint8Array[], count: number): Uint8Array {
  const [first] = parts;
  if (first !== undefined && first.length > count) {
    parts[0] = first.subarray(count);
    return first.subarray(0, count);
  }
  if (first !== undefined && first.length === count) {
    parts.shift();
    return first;
  }
  const taken = new Uint8Array(count);
  let at = 0;
  let used = 0;
  for (const part of parts) {
    const size = Math.min(part.length, count - at);
    taken.set(part.subarray(0, size), at);
    at += size;
    if (size < part.length) {
      parts[used] = part.subarray(size);
      break;
    }
    used++;
    if (at === count) break;
  }
  parts.splice(0, used);
  return taken;
}
