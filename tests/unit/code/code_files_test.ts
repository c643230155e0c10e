import { assert, assertEquals, assertRejects } from "@std/assert";
import { CodeFiles } from "../../../src/code/code_files.ts";
import { CONTENT_BYTES_MAX, NAMES_MAX } from "../../../src/code/limits.ts";
import { NotingLogger } from "../../helpers/noting_logger.ts";

interface Place extends AsyncDisposable {
  readonly dir: string;
  readonly files: CodeFiles;
  readonly logger: NotingLogger;
}

async function place(): Promise<Place> {
  const dir = await Deno.makeTempDir();
  const logger = new NotingLogger();
  return {
    dir,
    logger,
    files: new CodeFiles({ dir: `${dir}/code`, kind: "service", logger }),
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

Deno.test("CodeFiles gives back what was written, and nothing before", async () => {
  await using it = await place();
  assertEquals(await it.files.readAll(), []);
  await it.files.write({ name: "b", tag: "main", content: "2" });
  await it.files.write({ name: "a", tag: "v1", content: "1" });
  assertEquals(await it.files.readAll(), [
    { name: "a", tag: "v1", content: "1" },
    { name: "b", tag: "main", content: "2" },
  ]);
  assertEquals(it.logger.events, []);
});

Deno.test("CodeFiles.write() replaces the file of another tag, and leaves no others", async () => {
  await using it = await place();
  await it.files.write({ name: "a", tag: "v1", content: "1" });
  await it.files.write({ name: "a", tag: "v2", content: "2" });
  await it.files.write({ name: "a", tag: "v2", content: "3" });
  const names = (await Array.fromAsync(Deno.readDir(`${it.dir}/code/services/a`))).map((e) =>
    e.name
  );
  assertEquals(names, ["v2.ts"]);
  assertEquals(await it.files.readAll(), [{ name: "a", tag: "v2", content: "3" }]);
});

Deno.test({
  name: "CodeFiles.write() lets only its user read",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using it = await place();
    await it.files.write({ name: "a", tag: "main", content: "1" });
    const modes = [];
    for (const path of ["", "/services", "/services/a", "/services/a/main.ts"]) {
      modes.push(((await Deno.stat(`${it.dir}/code${path}`)).mode ?? 0) & 0o777);
    }
    assertEquals(modes, [0o700, 0o700, 0o700, 0o600]);
  },
});

Deno.test("CodeFiles.write() keeps the old file when the new one cannot be written", async () => {
  await using it = await place();
  await it.files.write({ name: "a", tag: "v1", content: "1" });
  // A directory is where the new file would be.
  await Deno.mkdir(`${it.dir}/code/services/a/v2.ts`);
  await assertRejects(() => it.files.write({ name: "a", tag: "v2", content: "2" }));
  assertEquals(await it.files.readAll(), [{ name: "a", tag: "v1", content: "1" }]);
});

Deno.test("CodeFiles.remove() removes a name exactly", async () => {
  await using it = await place();
  for (const name of ["foo", "foo_bar", "foo.bar", "fo"]) {
    await it.files.write({ name, tag: "main", content: name });
  }
  await it.files.remove("foo");
  await it.files.remove("unknown");
  assertEquals((await it.files.readAll()).map(({ name }) => name), ["fo", "foo.bar", "foo_bar"]);
});

Deno.test("CodeFiles.remove() is content with a directory that does not exist", async () => {
  await using it = await place();
  await it.files.remove("foo");
});

Deno.test("CodeFiles.readAll() skips what it cannot use, and says so", async () => {
  await using it = await place();
  await it.files.write({ name: "good", tag: "main", content: "1" });
  const services = `${it.dir}/code/services`;
  await Deno.writeTextFile(`${services}/file.ts`, "x");
  await Deno.mkdir(`${services}/.hidden`);
  await Deno.mkdir(`${services}/empty`);
  await Deno.mkdir(`${services}/large`);
  await Deno.writeTextFile(`${services}/large/main.ts`, "x".repeat(CONTENT_BYTES_MAX + 1));
  await Deno.mkdir(`${services}/odd`);
  await Deno.writeTextFile(`${services}/odd/.main.ts.tmp`, "x");
  await Deno.writeTextFile(`${it.dir}/outside.ts`, "x");
  await Deno.mkdir(`${it.dir}/elsewhere`);
  await Deno.writeTextFile(`${it.dir}/elsewhere/main.ts`, "x");
  if (Deno.build.os !== "windows") {
    await Deno.symlink(`${it.dir}/elsewhere`, `${services}/link`);
    await Deno.symlink(`${it.dir}/outside.ts`, `${services}/odd/main.ts`);
  }
  assertEquals((await it.files.readAll()).map(({ name }) => name), ["good"]);
  assert(it.logger.events.includes("error code skipped"));
});

Deno.test("CodeFiles.readAll() takes the newest file of a replacement that was interrupted", async () => {
  await using it = await place();
  await it.files.write({ name: "a", tag: "new", content: "2" });
  const old = `${it.dir}/code/services/a/old.ts`;
  await Deno.writeTextFile(old, "1");
  await Deno.utime(old, 1_000, 1_000);
  assertEquals(await it.files.readAll(), [{ name: "a", tag: "new", content: "2" }]);
});

Deno.test("CodeFiles.readAll() takes no more than the limit", async () => {
  await using it = await place();
  for (let at = 0; at <= NAMES_MAX; at++) {
    const directory = `${it.dir}/code/services/n${at}`;
    await Deno.mkdir(directory, { recursive: true });
    await Deno.writeTextFile(`${directory}/main.ts`, "x");
  }
  assertEquals((await it.files.readAll()).length, NAMES_MAX);
  assertEquals(it.logger.events, ["error code skipped"]);
});
