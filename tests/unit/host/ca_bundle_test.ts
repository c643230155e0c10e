import { assertEquals, assertRejects } from "@std/assert";
import { readCaBundle } from "../../../src/host/ca_bundle.ts";
import { type Host, systemHost } from "../../../src/host/host.ts";
import { SILENT } from "../../../src/util/log.ts";

const PEM = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";

/** The machine, with this value of HTTP_CA_BUNDLE. */
function hostWith(bundle?: string): Host {
  return { ...systemHost(SILENT), env: (name) => name === "HTTP_CA_BUNDLE" ? bundle : undefined };
}

interface Directory extends AsyncDisposable {
  readonly path: string;
  /** Writes a file into `ca`. */
  write(name: string, text?: string): Promise<void>;
}

async function directory(): Promise<Directory> {
  const path = await Deno.makeTempDir({ prefix: "rembus-ca-" });
  return {
    path,
    async write(name, text = PEM) {
      await Deno.mkdir(`${path}/ca`, { recursive: true });
      await Deno.writeTextFile(`${path}/ca/${name}`, text);
    },
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

Deno.test("readCaBundle() finds none without variable and directory", async () => {
  await using dir = await directory();
  assertEquals(await readCaBundle(hostWith(), null), []);
  assertEquals(await readCaBundle(hostWith(), dir.path), []);
  await Deno.mkdir(`${dir.path}/ca`);
  assertEquals(await readCaBundle(hostWith(), dir.path), []);
});

Deno.test("readCaBundle() takes the only file of the directory", async () => {
  await using dir = await directory();
  await dir.write("plant.crt");
  await dir.write(".hidden");
  await Deno.mkdir(`${dir.path}/ca/old`);
  assertEquals(await readCaBundle(hostWith(), dir.path), [PEM]);
});

Deno.test("readCaBundle() does not choose among several files", async () => {
  await using dir = await directory();
  await dir.write("one.crt");
  await dir.write("two.crt");
  const error = await assertRejects(() => readCaBundle(hostWith(), dir.path), Error);
  assertEquals(
    error.message,
    `CA bundle not found: expected one file in "${dir.path}/ca", got 2; ` +
      "leave one of them there, or name the file by HTTP_CA_BUNDLE",
  );
});

Deno.test("readCaBundle() prefers the file that is named", async () => {
  await using dir = await directory();
  await dir.write("one.crt");
  await dir.write("two.crt", `${PEM}${PEM}`);
  assertEquals(await readCaBundle(hostWith(`${dir.path}/ca/two.crt`), dir.path), [`${PEM}${PEM}`]);
});

Deno.test("readCaBundle() rejects for a named file that is missing or holds none", async () => {
  await using dir = await directory();
  await dir.write("plant.crt");
  await dir.write("empty.crt", "");
  for (const name of ["missing.crt", "ca/empty.crt", "ca"]) {
    await assertRejects(
      () => readCaBundle(hostWith(`${dir.path}/${name}`), dir.path),
      Error,
      `Cannot read CA bundle "${dir.path}/${name}" (HTTP_CA_BUNDLE): expected a file`,
    );
  }
});
