import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { SECRET_BYTES_MAX, secretFiles } from "../../../src/host/secret_files.ts";
import { RembusError } from "../../../src/protocol/errors.ts";
import { NotingLogger } from "../../helpers/noting_logger.ts";

const isUnix = Deno.build.os !== "windows";
const SECRET = new TextEncoder().encode("very secret\n");

/** A directory that is gone after the test. */
async function temporary(): Promise<{ readonly dir: string } & AsyncDisposable> {
  const dir = await Deno.makeTempDir({ prefix: "rembus-secret-" });
  return { dir, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}

async function modeOf(path: string): Promise<string> {
  const { mode } = await Deno.stat(path);
  return ((mode ?? 0) & 0o777).toString(8);
}

async function namesIn(path: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(path), ({ name }) => name)).sort();
}

Deno.test("secretFiles() keeps, gives, replaces and forgets the key of each name", async () => {
  await using it = await temporary();
  const keys = secretFiles(`${it.dir}/deep/rembus`);
  assertEquals(await keys.load("alice"), null);
  await keys.remove("alice");
  await keys.save("alice", SECRET);
  await keys.save("site/gate.acme", new Uint8Array([1]));
  assertEquals(await keys.load("alice"), SECRET);
  assertEquals(await keys.load("site/gate.acme"), new Uint8Array([1]));
  assertEquals(await keys.load("site"), null);
  await keys.save("alice", new Uint8Array([2, 3]));
  assertEquals(await Deno.readFile(`${it.dir}/deep/rembus/alice/.secret`), new Uint8Array([2, 3]));
  await keys.remove("alice");
  await keys.remove("alice");
  assertEquals([await keys.load("alice"), await keys.load("site/gate.acme")], [
    null,
    new Uint8Array([1]),
  ]);
});

Deno.test({
  name:
    "secretFiles() makes files and directories for their owner alone, and leaves others as they are",
  ignore: !isUnix,
  async fn() {
    await using it = await temporary();
    await Deno.chmod(it.dir, 0o755);
    await secretFiles(`${it.dir}/rembus`).save("a/b", SECRET);
    assertEquals(await modeOf(it.dir), "755");
    for (const made of ["rembus", "rembus/a", "rembus/a/b"]) {
      assertEquals([made, await modeOf(`${it.dir}/${made}`)], [made, "700"]);
    }
    assertEquals(await modeOf(`${it.dir}/rembus/a/b/.secret`), "600");
    assertEquals(await namesIn(`${it.dir}/rembus/a/b`), [".secret"]);
  },
});

Deno.test({
  name: "secretFiles() replaces a key that others could read by one that they cannot",
  ignore: !isUnix,
  async fn() {
    await using it = await temporary();
    const logger = new NotingLogger();
    const keys = secretFiles(it.dir, { logger });
    await Deno.mkdir(`${it.dir}/alice`);
    await Deno.writeTextFile(`${it.dir}/alice/.secret`, "old", { mode: 0o644 });
    await Deno.chmod(`${it.dir}/alice/.secret`, 0o644);
    assertEquals(await keys.load("alice"), new TextEncoder().encode("old"));
    assertEquals(logger.events, ["warn secret open to others"]);
    await keys.save("alice", SECRET);
    assertEquals(await modeOf(`${it.dir}/alice/.secret`), "600");
    await keys.load("alice");
    assertEquals(logger.events.length, 1);
  },
});

Deno.test("secretFiles() touches no path for a name that breaks the rules", async () => {
  await using it = await temporary();
  const dir = `${it.dir}/rembus`;
  const keys = secretFiles(dir);
  for (const name of ["", "../alice", "a/../../b", "/etc", "a//b", ".ssh", "a\0b", "repl", "a b"]) {
    await assertRejects(() => keys.load(name), TypeError, "as for its name");
    await assertRejects(() => keys.save(name, SECRET), TypeError, "as for its name");
    await assertRejects(() => keys.remove(name), TypeError, "as for its name");
    assertThrows(() => keys.where(name), TypeError);
  }
  assertEquals(await namesIn(it.dir), []);
});

Deno.test("secretFiles() leaves nothing behind when it cannot write, and the old key as it was", async () => {
  await using it = await temporary();
  const keys = secretFiles(it.dir);
  // A directory that is not empty stands where the key belongs.
  await Deno.mkdir(`${it.dir}/alice/.secret/full`, { recursive: true });
  await assertRejects(() => keys.save("alice", SECRET), RembusError, 'write the key of "alice"');
  assertEquals(await namesIn(`${it.dir}/alice`), [".secret"]);
  await Deno.writeTextFile(`${it.dir}/file`, "");
  await assertRejects(() => keys.save("file/alice", SECRET), RembusError, "file/alice/.secret");
  assertEquals(await keys.load("file/alice"), null);
});

Deno.test("secretFiles() reads no directory and nothing that is far too large", async () => {
  await using it = await temporary();
  const keys = secretFiles(it.dir);
  await Deno.mkdir(`${it.dir}/alice/.secret`, { recursive: true });
  await assertRejects(() => keys.load("alice"), RembusError, 'read the key of "alice"');
  await keys.save("big", new Uint8Array(SECRET_BYTES_MAX));
  assertEquals((await keys.load("big"))?.byteLength, SECRET_BYTES_MAX);
  await keys.save("big", new Uint8Array(SECRET_BYTES_MAX + 1));
  await assertRejects(() => keys.load("big"), RembusError, `of ${SECRET_BYTES_MAX} at most`);
});

Deno.test("secretFiles() says where a key is, for texts", () => {
  assertEquals(secretFiles("/etc/rembus").where("a/b"), "/etc/rembus/a/b/.secret");
});

for (const permission of ["read", "write"] as const) {
  Deno.test({
    name: `secretFiles() names --allow-${permission} when it is missing, and asks nobody`,
    permissions: permission === "read" ? {} : { read: true },
    async fn() {
      const keys = secretFiles("/nowhere");
      const option = `--allow-${permission}`;
      if (permission === "read") {
        await assertRejects(() => keys.load("alice"), RembusError, option);
      }
      await assertRejects(() => keys.save("alice", SECRET), RembusError, option);
      await assertRejects(() => keys.remove("alice"), RembusError, option);
    },
  });
}
