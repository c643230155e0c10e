import { assert, assertEquals, assertRejects } from "@std/assert";
import { type LogFiles, readWhole, writeAll, writeWhole } from "../../src/log/files.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A directory that is removed afterwards. */
export interface ContractFiles extends AsyncDisposable {
  readonly files: LogFiles;
}

async function textIn(files: LogFiles, name: string): Promise<string | null> {
  const content = await readWhole(files, name, 1_000);
  return content === null ? null : decoder.decode(content);
}

/** What every implementation of {@link LogFiles} does. */
export function logFilesContract(name: string, open: () => Promise<ContractFiles>): void {
  const it = (behaviour: string, check: (files: LogFiles) => Promise<void>): void => {
    Deno.test(`${name} ${behaviour}`, async () => {
      await using opened = await open();
      await check(opened.files);
    });
  };

  it("lists what is in the directory, and nothing in a new one", async (files) => {
    assertEquals(await files.list(), []);
    for (const file of ["b", "a"]) await (await files.create(file)).close();
    assertEquals((await files.list()).sort(), ["a", "b"]);
  });

  it("reads what was written, at any position", async (files) => {
    const file = await files.create("a");
    await writeAll(file, encoder.encode("hello world"), 0);
    await writeAll(file, encoder.encode("W"), 6);
    const into = new Uint8Array(20);
    assertEquals(await file.read(into, 6), 5);
    assertEquals(decoder.decode(into.subarray(0, 5)), "World");
    assertEquals(await file.read(into, 11), 0);
    assertEquals(await file.read(into, 100), 0);
    assertEquals(await file.size(), 11);
    await file.sync();
    await file.close();
  });

  it("keeps calls apart that are made at the same time", async (files) => {
    const file = await files.create("a");
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => writeAll(file, new Uint8Array(100).fill(i), 100 * i)),
    );
    const reads = Array.from({ length: 20 }, async (_, i) => {
      const into = new Uint8Array(100);
      await file.read(into, 100 * i);
      return into.every((byte) => byte === i);
    });
    assert((await Promise.all(reads)).every((isSame) => isSame));
    await file.close();
  });

  it("fills with zeros behind the end", async (files) => {
    const file = await files.create("a");
    await writeAll(file, encoder.encode("x"), 3);
    await file.truncate(6);
    await file.truncate(5);
    await file.close();
    assertEquals(await readWhole(files, "a", 10), Uint8Array.of(0, 0, 0, 120, 0));
    assertEquals(await files.size("a"), 5);
  });

  it("cuts for good: what was cut does not come back when the file grows", async (files) => {
    const file = await files.create("a");
    await writeAll(file, encoder.encode("secret"), 0);
    await file.truncate(1);
    await file.truncate(3);
    await file.close();
    assertEquals(await readWhole(files, "a", 10), Uint8Array.of(115, 0, 0));
  });

  it("says null for a file that does not exist, and removes it without an error", async (files) => {
    assertEquals(await files.openForReading("none"), null);
    assertEquals(await files.openForWriting("none"), null);
    assertEquals(await files.size("none"), null);
    await files.remove("none");
  });

  it("creates a file in place of one", async (files) => {
    await writeWhole(files, "a", encoder.encode("long text"));
    await writeWhole(files, "a", encoder.encode("short"));
    assertEquals(await textIn(files, "a"), "short");
    await (await files.create("a")).close();
    assertEquals(await textIn(files, "a"), "");
    assertEquals(await files.list(), ["a"]);
  });

  it("renames over a file, which readers that have it open still read", async (files) => {
    await writeWhole(files, "a", encoder.encode("new"));
    await writeWhole(files, "b", encoder.encode("old"));
    const old = await files.openForReading("b");
    await files.rename("a", "b");
    await files.syncDirectory();
    const into = new Uint8Array(3);
    await old?.read(into, 0);
    await old?.close();
    assertEquals(decoder.decode(into), "old");
    assertEquals(await textIn(files, "b"), "new");
    assertEquals(await files.list(), ["b"]);
    await assertRejects(() => files.rename("a", "b"));
  });

  it("lets a removed file be read by who has it open", async (files) => {
    await writeWhole(files, "a", encoder.encode("text"));
    const file = await files.openForReading("a");
    await files.remove("a");
    const into = new Uint8Array(4);
    assertEquals(await file?.read(into, 0), 4);
    await file?.close();
    assertEquals(await files.openForReading("a"), null);
  });

  it("opens an existing file for writing without changing it", async (files) => {
    await writeWhole(files, "a", encoder.encode("text"));
    const file = await files.openForWriting("a");
    if (file !== null) await writeAll(file, encoder.encode("N"), 0);
    await file?.close();
    assertEquals(await textIn(files, "a"), "Next");
  });

  it("readWhole() refuses a file that is too long", async (files) => {
    await writeWhole(files, "a", encoder.encode("0123456789"));
    assertEquals(await readWhole(files, "a", 9), null);
    assertEquals((await readWhole(files, "a", 10))?.byteLength, 10);
  });

  it("gives its lock to one at a time", async (files) => {
    const lock = await files.lock();
    assert(lock !== null);
    assertEquals(await files.lock(), null);
    await lock?.[Symbol.asyncDispose]();
    const again = await files.lock();
    assert(again !== null);
    await again?.[Symbol.asyncDispose]();
  });
}
