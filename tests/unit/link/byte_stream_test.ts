import { assertEquals, assertRejects } from "@std/assert";
import { closeQuietly, discard, writeAll } from "../../../src/link/byte_stream.ts";
import { FakeStream } from "../../helpers/fake_stream.ts";
import { settle } from "../../helpers/manual_clock.ts";

Deno.test("writeAll() writes on until everything is taken", async () => {
  const stream = new FakeStream();
  stream.writeMax = 3;
  await writeAll(stream, new Uint8Array([1, 2, 3, 4, 5, 6, 7]));
  assertEquals(stream.written, new Uint8Array([1, 2, 3, 4, 5, 6, 7]));
  assertEquals(stream.writes.length, 3);
  await writeAll(stream, new Uint8Array(0));
  assertEquals(stream.writes.length, 3);
});

Deno.test("writeAll() rejects when the connection breaks", async () => {
  const stream = new FakeStream();
  stream.failWrites(new Error("broken pipe"));
  await assertRejects(() => writeAll(stream, new Uint8Array(1)), Error, "broken pipe");
});

Deno.test("discard() ends with the connection, however that ends", async () => {
  for (const end of [null, new Error("reset")]) {
    const stream = new FakeStream();
    stream.receive(new Uint8Array(200_000), end);
    await discard(stream);
  }
  const cut = new FakeStream();
  const done = discard(cut);
  await settle();
  cut.close();
  await done;
});

Deno.test("closeQuietly() may come second", () => {
  const stream = new FakeStream();
  closeQuietly(stream);
  closeQuietly(stream);
  assertEquals(stream.isClosed, true);
});
