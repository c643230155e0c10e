import { assertEquals, assertRejects } from "@std/assert";
import { LogError } from "../../../src/log/errors.ts";
import { FilePool } from "../../../src/log/file_pool.ts";
import { FILES_OPEN_MAX } from "../../../src/log/limits.ts";
import { SimDisk } from "../../helpers/log_sim_files.ts";
import { settle } from "../../helpers/manual_clock.ts";

/** A disk with `count` files, and how many are open. */
function diskWith(count: number): { disk: SimDisk; open: () => number } {
  const disk = new SimDisk();
  for (let i = 0; i < count; i++) disk.put(`${i}`, Uint8Array.of(i));
  let opened = 0;
  disk.fault = ({ method }) => {
    if (method === "openForReading") opened++;
    if (method === "close") opened--;
    return null;
  };
  return { disk, open: () => opened };
}

Deno.test("read() opens a file once, and says null for one that does not exist", async () => {
  const { disk, open } = diskWith(1);
  const pool = new FilePool(disk.files());
  const into = new Uint8Array(1);
  for (let i = 0; i < 3; i++) assertEquals(await pool.read("0", into, 0), 1);
  assertEquals([open(), disk.calls], [1, 4]);
  assertEquals(await pool.read("none", into, 0), null);
  await pool.close();
});

Deno.test("read() closes what was not used for longest when too many files are open", async () => {
  const { disk, open } = diskWith(FILES_OPEN_MAX + 20);
  const pool = new FilePool(disk.files());
  const into = new Uint8Array(1);
  for (let i = 0; i < FILES_OPEN_MAX + 20; i++) {
    await pool.read(`${i}`, into, 0);
    assertEquals(into[0], i);
  }
  await settle();
  assertEquals(open(), FILES_OPEN_MAX);
  await pool.close();
  assertEquals(open(), 0);
});

Deno.test("forget() lets a read under way end, and closes the file then", async () => {
  const { disk, open } = diskWith(1);
  const pool = new FilePool(disk.files());
  const into = new Uint8Array(1);
  const reading = pool.read("0", into, 0);
  pool.forget("0");
  assertEquals(await reading, 1);
  await settle();
  assertEquals(open(), 0);
  await pool.close();
});

Deno.test("read() opens a file anew after a failure", async () => {
  const { disk } = diskWith(1);
  const pool = new FilePool(disk.files());
  disk.fault = ({ method }) => method === "read" ? { kind: "fail", reason: "EIO" } : null;
  const error = await assertRejects(() => pool.read("0", new Uint8Array(1), 0), LogError, "EIO");
  assertEquals(error.fault, "io");
  disk.fault = () => null;
  assertEquals(await pool.read("0", new Uint8Array(1), 0), 1);
  await pool.close();
  const closed = await assertRejects(() => pool.read("0", new Uint8Array(1), 0), LogError);
  assertEquals(closed.fault, "closed");
});
