import {
  assert,
  assertEquals,
  assertFalse,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { KeyError } from "../../../src/identity/errors.ts";
import { LimitError, RembusError } from "../../../src/protocol/errors.ts";
import { DenoKeyDisk, type KeyDisk } from "../../../src/store/key_disk.ts";
import { KeyFiles, openKeyFiles } from "../../../src/store/key_files.ts";
import { ecdsa, openKeyDirectory, rsa, secret, withDisk } from "../../helpers/key_directory.ts";
import { NotingLogger } from "../../helpers/noting_logger.ts";

Deno.test("put() never replaces a file that another process made meanwhile", async () => {
  await using fixture = await openKeyDirectory();
  const { path } = fixture;
  const real = new DenoKeyDisk(path);
  const disk: KeyDisk = withDisk(real, {
    async create(file, bytes) {
      await fixture.write("alice.rsa.pem", "theirs");
      return await real.create(file, bytes);
    },
  });
  const keys = new KeyFiles({ disk, directory: path, logger: new NotingLogger() });
  assertFalse(await keys.put("alice", rsa));
  assertEquals(await Deno.readTextFile(`${path}/alice.rsa.pem`), "theirs");
  assertEquals(await fixture.files(), ["alice.rsa.pem"]);
});

/** A disk that cannot be written, or not even read, for a while. */
function failingDisk(path: string): { disk: KeyDisk; code: string | null; isUnreadable: boolean } {
  const real = new DenoKeyDisk(path);
  const failing = { disk: real as KeyDisk, code: null as string | null, isUnreadable: false };
  const check = (): void => {
    if (failing.code === null) return;
    throw Object.assign(new Error(`${path} failed`), { code: failing.code });
  };
  failing.disk = withDisk(real, {
    async create(file, bytes) {
      await Promise.resolve();
      check();
      return await real.create(file, bytes);
    },
    async remove(file) {
      await Promise.resolve();
      check();
      await real.remove(file);
    },
    async read(file) {
      await Promise.resolve();
      if (failing.isUnreadable) check();
      return await real.read(file);
    },
    async list(directory) {
      await Promise.resolve();
      if (failing.isUnreadable) check();
      return await real.list(directory);
    },
  });
  return failing;
}

for (
  const [code, reason] of [
    ["EROFS", "the disk may not be written"],
    ["EACCES", "the disk does not allow it"],
    ["ENOSPC", "the disk is full"],
    ["EIO", "the storage failed"],
  ] as const
) {
  Deno.test(`remove() and put() reject while the disk fails with ${code}, and work afterwards`, async () => {
    await using fixture = await openKeyDirectory();
    const failing = failingDisk(fixture.path);
    const logger = new NotingLogger();
    const keys = new KeyFiles({ disk: failing.disk, directory: fixture.path, logger });
    await keys.put("alice", rsa);
    failing.code = code;
    const error = await assertRejects(() => keys.remove("alice"), RembusError);
    assertEquals(error.message, `Cannot remove the key of "alice": ${reason}`);
    await assertRejects(() => keys.put("bob", rsa), RembusError, `"bob": ${reason}`);
    assertEquals([keys.names(), await keys.get("alice")], [["alice"], rsa]);
    assertEquals(await fixture.files(), ["alice.rsa.pem"]);
    assertEquals(logger.events, ["error keys failed", "error keys failed"]);
    failing.code = null;
    assert(await keys.remove("alice"));
    assert(await keys.put("bob", rsa));
    assertEquals([keys.names(), await fixture.files()], [["bob"], ["bob.rsa.pem"]]);
  });
}

Deno.test({
  name: "put() and remove() reject in a directory that may not be written, and work afterwards",
  ignore: Deno.build.os === "windows" || Deno.uid() === 0,
  async fn() {
    await using fixture = await openKeyDirectory();
    const { keys, path } = fixture;
    await keys.put("alice", rsa);
    await Deno.chmod(path, 0o500);
    await assertRejects(() => keys.remove("alice"), RembusError, "the disk does not allow it");
    await assertRejects(() => keys.put("bob", rsa), RembusError, "the disk does not allow it");
    assertEquals([keys.names(), await keys.get("alice")], [["alice"], rsa]);
    await Deno.chmod(path, 0o700);
    assert(await keys.remove("alice"));
    assertEquals(await fixture.files(), []);
  },
});

Deno.test("get() and reload() reject while the disk cannot be read, and keep what is known", async () => {
  await using fixture = await openKeyDirectory();
  const failing = failingDisk(fixture.path);
  const { disk } = failing;
  const keys = new KeyFiles({ disk, directory: fixture.path, logger: new NotingLogger() });
  await keys.put("alice", rsa);
  failing.code = "EIO";
  failing.isUnreadable = true;
  await assertRejects(() => keys.get("alice"), RembusError, "the storage failed");
  await assertRejects(() => keys.reload(), RembusError, "Cannot read the registered names");
  assert(keys.has("alice"));
  failing.code = null;
  await keys.reload();
  assertEquals(await keys.get("alice"), rsa);
});

Deno.test("openKeyFiles() removes what an interrupted registration left", async () => {
  await using fixture = await openKeyDirectory();
  await fixture.keys.put("plant/alice", rsa);
  await fixture.write(".new-1", "half a k");
  await fixture.write("plant/.new-2", "half a k");
  await fixture.write("mill/hall/.new-3", "half a k");
  const logger = new NotingLogger();
  const keys = await openKeyFiles(fixture.path, logger);
  assertEquals(keys.names(), ["plant/alice"]);
  assertEquals(await fixture.files(), ["plant", "plant/alice.rsa.pem"]);
  assertEquals(logger.events, ["warn unfinished keys removed"]);
});

Deno.test("more names than there may be are refused, and a directory with more is not opened", async () => {
  await using fixture = await openKeyDirectory();
  const make = (namesMax: number) =>
    new KeyFiles({
      disk: new DenoKeyDisk(fixture.path),
      directory: fixture.path,
      logger: new NotingLogger(),
      namesMax,
    });
  const keys = make(2);
  await keys.put("a", rsa);
  await keys.put("b", rsa);
  await assertRejects(() => keys.put("c", rsa), LimitError, "more than 2 names");
  await fixture.write("d", "s3cret");
  await assertRejects(() => keys.get("d"), LimitError, "more than 2 names");
  await assertRejects(() => make(2).open(), LimitError, "more than 2 names");
  await make(3).open();
  await assertRejects(() => keys.reload(), LimitError);
  assertEquals(keys.names(), ["a", "b"]);
});

Deno.test("a name counts with its case, also where the disk ignores that", async () => {
  await using fixture = await openKeyDirectory();
  const real = new DenoKeyDisk(fixture.path);
  const lower = (path: string) => path.toLowerCase();
  const disk = withDisk(real, {
    kind: (path) => real.kind(lower(path)),
    read: (path) => real.read(lower(path)),
    create: (path, bytes) => real.create(lower(path), bytes),
    remove: (path) => real.remove(lower(path)),
  });
  const keys = new KeyFiles({ disk, directory: fixture.path, logger: new NotingLogger() });
  await keys.put("plant/alice", rsa);
  for (const name of ["plant/Alice", "Plant/alice"]) {
    assertEquals(await keys.get(name), null);
    assertEquals(await keys.remove(name), false);
    assertFalse(await keys.put(name, ecdsa));
  }
  assertEquals([keys.names(), await keys.get("plant/alice")], [["plant/alice"], rsa]);
});

Deno.test("no secret is in what is logged or told", async () => {
  await using fixture = await openKeyDirectory();
  const told: string[] = [];
  const note = (event: string, fields?: Record<string, unknown>) =>
    void told.push(`${event} ${JSON.stringify(fields)}`);
  const logger = { debug: note, info: note, warn: note, error: note };
  const keys = await openKeyFiles(fixture.path, logger);
  await keys.put("alice", secret("s3cret"));
  await keys.get("alice");
  for (const text of ["s3cret\nmore", "s3cret\0"]) {
    const error = await assertRejects(() => keys.put("bob", secret(text)), KeyError);
    told.push(error.message, String(error.stack), String(error.cause));
  }
  await fixture.write("carol", "s3cret\0");
  told.push((await assertRejects(() => keys.get("carol"), RembusError)).message);
  await keys.remove("alice");
  assertFalse(told.join("\n").includes("s3cret"), told.join("\n"));
  assertStringIncludes(told.join("\n"), 'read the key of \\"carol\\"');
});

Deno.test("get() rejects when the directory is gone, and no registered name becomes free", async () => {
  await using fixture = await openKeyDirectory();
  const { keys, path } = fixture;
  await keys.put("alice", rsa);
  await Deno.rename(path, `${path}.away`);
  await assertRejects(() => keys.get("alice"), RembusError, 'Cannot read the key of "alice"');
  assertEquals([keys.has("alice"), await keys.get("bob")], [true, null]);
  await Deno.writeTextFile(path, "a file");
  await assertRejects(() => keys.get("alice"), RembusError, 'Cannot read the key of "alice"');
  await assertRejects(() => keys.reload(), RembusError, "Cannot read the registered names");
  await Deno.remove(path);
  await Deno.rename(`${path}.away`, path);
  assertEquals(await keys.get("alice"), rsa);
});
