import { assertEquals, assertRejects } from "@std/assert";
import { encodeCbor } from "../../../src/protocol/cbor.ts";
import { MessageWriter, readMessages } from "../../../src/lake/frame_stream.ts";

async function written(...messages: unknown[]): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const writer = new MessageWriter<unknown>(
    new WritableStream({ write: (part: Uint8Array) => void parts.push(part) }),
  );
  for (const message of messages) await writer.send(message);
  await writer.close();
  return new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
}

async function read(parts: Uint8Array[]): Promise<unknown[]> {
  const messages: unknown[] = [];
  for await (const message of readMessages<unknown>(ReadableStream.from(parts))) {
    messages.push(message);
  }
  return messages;
}

const MESSAGES = [{ type: "a", n: 1 }, { bytes: new Uint8Array(300) }, null, "x".repeat(1_000)];

Deno.test("readMessages() reads what MessageWriter wrote, however it is cut", async () => {
  const bytes = await written(...MESSAGES);
  for (const size of [1, 2, 3, 5, 7, 64, 1_000, bytes.length]) {
    const parts: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += size) parts.push(bytes.subarray(at, at + size));
    assertEquals(await read(parts), MESSAGES);
  }
});

Deno.test("readMessages() ends when the stream ends inside a message", async () => {
  const bytes = await written(...MESSAGES);
  assertEquals(await read([bytes.subarray(0, bytes.length - 1)]), MESSAGES.slice(0, -1));
  assertEquals(await read([bytes.subarray(0, 2)]), []);
  assertEquals(await read([]), []);
});

Deno.test("readMessages() refuses a length that no message has", async () => {
  await assertRejects(
    () => read([new Uint8Array([255, 255, 255, 255, ...encodeCbor(1)])]),
    Error,
    "too many",
  );
});
