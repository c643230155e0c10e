import { assert, assertEquals, assertRejects } from "@std/assert";
import { Chunks } from "../../../src/log/chunks.ts";
import { FilePool } from "../../../src/log/file_pool.ts";
import {
  CHUNK_BYTES,
  CHUNK_CACHE_BYTES_MAX,
  CHUNKS_PER_TURN_MAX,
} from "../../../src/log/limits.ts";
import { SimDisk } from "../../helpers/log_sim_files.ts";

function chunksOf(content: Uint8Array): { disk: SimDisk; chunks: Chunks; reads: () => number } {
  const disk = new SimDisk();
  disk.put("a", content);
  let reads = 0;
  disk.fault = ({ method }) => {
    if (method === "read") reads++;
    return null;
  };
  return { disk, chunks: new Chunks(new FilePool(disk.files())), reads: () => reads };
}

Deno.test("at() reads a chunk once for all who ask at the same time", async () => {
  const { chunks, reads } = chunksOf(new Uint8Array(2 * CHUNK_BYTES));
  const all = await Promise.all([0, 5, CHUNK_BYTES - 1].map((at) => chunks.at("a", at, Infinity)));
  assert(all.every((chunk) => chunk === all[0]));
  assertEquals([all[0]?.start, all[0]?.length, reads()], [0, CHUNK_BYTES, 1]);
  assertEquals((await chunks.at("a", CHUNK_BYTES, Infinity))?.start, CHUNK_BYTES);
});

Deno.test("at() reads on when the file has grown, and leaves what was read where it is", async () => {
  const { disk, chunks, reads } = chunksOf(new Uint8Array(100).fill(1));
  const before = await chunks.at("a", 0, 100);
  const seen = before?.span.bytes.subarray(0, 100);
  const file = await disk.files().openForWriting("a");
  await file?.write(new Uint8Array(50).fill(2), 100);
  const after = await chunks.at("a", 0, 150);
  assertEquals([after?.length, reads()], [150, 2]);
  assertEquals(after?.span.bytes[149], 2);
  assert(seen?.every((byte) => byte === 1));
});

Deno.test("at() says how much there is when the file is shorter than told", async () => {
  const { chunks } = chunksOf(new Uint8Array(100));
  assertEquals((await chunks.at("a", 0, 1_000))?.length, 100);
});

Deno.test("at() keeps no more than its limit", async () => {
  const { chunks, reads } = chunksOf(new Uint8Array(0));
  const count = CHUNK_CACHE_BYTES_MAX / CHUNK_BYTES;
  for (let i = 0; i <= count; i++) await chunks.at("a", i * CHUNK_BYTES, Infinity);
  const before = reads();
  await chunks.at("a", 0, Infinity);
  assertEquals(reads(), before + 1);
});

Deno.test("at() is null for a file that is gone, and forgets it", async () => {
  const { disk, chunks } = chunksOf(new Uint8Array(10));
  assertEquals(await chunks.at("b", 0, 10), null);
  disk.put("b", new Uint8Array(10));
  assertEquals((await chunks.at("b", 0, 10))?.length, 10);
});

Deno.test("at() rejects when the disk fails, for whoever reads then and nobody else", async () => {
  const { disk, chunks } = chunksOf(new Uint8Array(10));
  disk.fault = ({ method }) => method === "read" ? { kind: "fail", reason: "EIO" } : null;
  await assertRejects(() => chunks.at("a", 0, 10), Error, "EIO");
  disk.fault = () => null;
  assertEquals((await chunks.at("a", 0, 10))?.length, 10);
});

Deno.test("at() lets other work go on between readers that share a chunk", async () => {
  const { chunks } = chunksOf(new Uint8Array(100));
  let served = 0;
  let most = 0;
  let inTurn = 0;
  const watch = (): void => {
    inTurn = 0;
    if (served < 100) setImmediate(watch);
  };
  watch();
  await Promise.all(
    Array.from({ length: 100 }, async () => {
      await chunks.at("a", 0, 100);
      served++;
      most = Math.max(most, ++inTurn);
    }),
  );
  assertEquals(served, 100);
  assert(most <= 4 * CHUNKS_PER_TURN_MAX, `${most} in one turn`);
});

Deno.test("across() gives all bytes asked for, or null", async () => {
  const { chunks } = chunksOf(Uint8Array.from({ length: 20 }, (_, i) => i));
  assertEquals((await chunks.across("a", 5, 3))?.bytes, Uint8Array.of(5, 6, 7));
  assertEquals(await chunks.across("a", 18, 3), null);
});
