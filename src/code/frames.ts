import { ProtocolError } from "../protocol/errors.ts";

/*
 * Between a node and a child that runs code, both ways:
 *
 * | length: 4 bytes, big-endian | CBOR: length bytes | length | CBOR | ...
 */
const LENGTH_BYTES = 4;

/** A frame around encoded bytes. */
export function toFrame(body: Uint8Array): Uint8Array {
  const frame = new Uint8Array(LENGTH_BYTES + body.byteLength);
  new DataView(frame.buffer).setUint32(0, body.byteLength);
  frame.set(body, LENGTH_BYTES);
  return frame;
}

/**
 * The bodies of frames, until the stream ends. A stream that ends inside a frame ends just so.
 *
 * @throws {ProtocolError} For a frame of more than `bytesMax`, before it is read.
 */
export async function* readFrames(
  stream: ReadableStream<Uint8Array>,
  bytesMax: number,
): AsyncGenerator<Uint8Array> {
  const head = new Uint8Array(LENGTH_BYTES);
  let body: Uint8Array | null = null;
  let filled = 0;
  for await (const part of stream) {
    for (let at = 0; at < part.byteLength || filled === body?.byteLength;) {
      const into: Uint8Array = body ?? head;
      const taken = part.subarray(at, at + into.byteLength - filled);
      into.set(taken, filled);
      at += taken.byteLength;
      filled += taken.byteLength;
      if (filled < into.byteLength) continue;
      filled = 0;
      if (body === null) {
        body = new Uint8Array(checkedLength(head, bytesMax));
      } else {
        const whole = body;
        body = null;
        yield whole;
      }
    }
  }
}

function checkedLength(head: Uint8Array, bytesMax: number): number {
  const length = new DataView(head.buffer).getUint32(0);
  if (length <= bytesMax) return length;
  throw new ProtocolError(`Cannot read a frame: expected at most ${bytesMax} bytes, got ${length}`);
}
