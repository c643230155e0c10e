import { assert, assertEquals, assertFalse, assertRejects } from "@std/assert";
import { KeyError } from "../../../src/identity/errors.ts";
import { RembusError } from "../../../src/protocol/errors.ts";
import { openKeyFiles } from "../../../src/store/key_files.ts";
import {
  derOf,
  ECDSA,
  ecdsa,
  openKeyDirectory,
  RSA,
  rsa,
  secret,
} from "../../helpers/key_directory.ts";

for (
  const [key, file] of [
    [rsa, "alice.rsa.pem"],
    [ecdsa, "alice.ecdsa.pem"],
    [{ kind: "rsa", bytes: derOf(RSA) }, "alice.rsa.der"],
    [{ kind: "ecdsa", bytes: derOf(ECDSA) }, "alice.ecdsa.der"],
    [secret("s3cret"), "alice"],
  ] as const
) {
  Deno.test(`put() stores a key in ${file}, for the user of the broker only, and get() gives it back`, async () => {
    await using fixture = await openKeyDirectory();
    const { keys, path } = fixture;
    assertEquals([keys.has("alice"), await keys.get("alice")], [false, null]);
    assert(await keys.put("alice", key));
    assertEquals(await keys.get("alice"), key);
    assertEquals([keys.has("alice"), keys.names()], [true, ["alice"]]);
    assertEquals(await fixture.files(), [file]);
    assertEquals(await Deno.readFile(`${path}/${file}`), key.bytes);
    if (Deno.build.os !== "windows") {
      assertEquals((await Deno.stat(`${path}/${file}`)).mode, 0o100600);
      assertEquals((await Deno.stat(path)).mode, 0o040700);
    }
    const again = await openKeyFiles(path);
    assertEquals([again.has("alice"), await again.get("alice")], [true, key]);
  });
}

Deno.test("put() makes directories for a name with /, and remove() leaves none empty", async () => {
  await using fixture = await openKeyDirectory();
  const { keys, path } = fixture;
  assert(await keys.put("plant/hall/pump.acme", rsa));
  assertEquals(await fixture.files(), ["plant", "plant/hall", "plant/hall/pump.acme.rsa.pem"]);
  assertEquals((await openKeyFiles(path)).names(), ["plant/hall/pump.acme"]);
  if (Deno.build.os !== "windows") {
    assertEquals((await Deno.stat(`${path}/plant/hall`)).mode, 0o040700);
  }
  assert(await keys.remove("plant/hall/pump.acme"));
  assertEquals(await fixture.files(), []);
  assertEquals([keys.has("plant/hall/pump.acme"), keys.names()], [false, []]);
});

Deno.test("put() refuses a name that is taken, in whichever file, and changes nothing", async () => {
  await using fixture = await openKeyDirectory();
  const { keys } = fixture;
  assert(await keys.put("alice", secret("first")));
  for (const key of [secret("second"), rsa, ecdsa]) assertFalse(await keys.put("alice", key));
  await fixture.write("bob.ecdsa.der", "anything");
  assertFalse(await keys.put("bob", rsa));
  assertEquals(await fixture.files(), ["alice", "bob.ecdsa.der"]);
  assertEquals(await keys.get("alice"), secret("first"));
});

Deno.test("put() of one name at once lets exactly one win", async () => {
  await using fixture = await openKeyDirectory();
  const { keys } = fixture;
  const all = [rsa, ecdsa, secret("a"), secret("b"), rsa];
  const won = await Promise.all(all.map((key) => keys.put("alice", key)));
  assertEquals(won.filter((isWinner) => isWinner).length, 1);
  assertEquals((await fixture.files()).length, 1);
  assertEquals(await keys.get("alice"), all[won.indexOf(true)]);
});

for (
  const name of [
    "",
    "repl",
    "..",
    "../evil",
    "a/../b",
    "/etc/x",
    "a//b",
    "a/",
    ".new-x",
    "a\\b",
    "a\0b",
    "a\nb",
    "a*",
    "é",
    "a".repeat(256),
  ]
) {
  Deno.test(`the name ${JSON.stringify(name).slice(0, 20)} touches no path`, async () => {
    await using fixture = await openKeyDirectory();
    const { keys } = fixture;
    await assertRejects(() => keys.put(name, rsa), RembusError, "Cannot store a key: expected ");
    assertEquals([await keys.get(name), await keys.remove(name), keys.has(name)], [
      null,
      false,
      false,
    ]);
    await assertRejects(() => Deno.stat(fixture.path), Deno.errors.NotFound);
  });
}

Deno.test("put() refuses a name that ends like a key file, and its bare file is no secret", async () => {
  await using fixture = await openKeyDirectory();
  const { keys } = fixture;
  await keys.put("alice", rsa);
  for (const name of ["alice.rsa.pem", "a.ecdsa.pem", "a.rsa.der", "a.ecdsa.der/b"]) {
    await assertRejects(() => keys.put(name, secret("x")), RembusError, "no segment that ends");
    assertEquals([await keys.get(name), await keys.remove(name)], [null, false]);
  }
  assertEquals(await keys.get("alice"), rsa);
  // Put there by hand, or imported: it is registered, and not free.
  await fixture.write("alice.rsa.pem.rsa.pem", RSA);
  assertEquals(await keys.get("alice.rsa.pem"), rsa);
  await keys.reload();
  assertEquals(keys.names().toSorted(), ["alice", "alice.rsa.pem"]);
});

Deno.test("get() takes the first of several files, and the kind from the key", async () => {
  await using fixture = await openKeyDirectory();
  const { keys } = fixture;
  await fixture.write("alice", "s3cret\n");
  assertEquals(await keys.get("alice"), secret("s3cret"));
  await fixture.write("alice.ecdsa.der", derOf(RSA));
  assertEquals(await keys.get("alice"), { kind: "rsa", bytes: derOf(RSA) });
  await fixture.write("alice.rsa.pem", ECDSA);
  assertEquals(await keys.get("alice"), ecdsa);
  assert(await keys.remove("alice"));
  assertEquals(await fixture.files(), []);
});

Deno.test("get() sees what the operator put there or removed since, and so does has() then", async () => {
  await using fixture = await openKeyDirectory();
  const { keys, path } = fixture;
  await fixture.write("plant/alice", "first line\r\nsecond");
  assertEquals(keys.has("plant/alice"), false);
  assertEquals(await keys.get("plant/alice"), secret("first line"));
  assertEquals(keys.has("plant/alice"), true);
  await Deno.remove(`${path}/plant/alice`);
  assertEquals(await keys.get("plant/alice"), null);
  assertEquals(keys.has("plant/alice"), false);
});

for (
  const { what, file, content } of [
    { what: "an empty key", file: "alice.rsa.pem", content: "" },
    { what: "a damaged key", file: "alice.ecdsa.pem", content: "-----BEGIN PUBLIC KEY-----\nAAAA" },
    { what: "a key of random bytes", file: "alice.rsa.der", content: new Uint8Array(300).fill(7) },
    { what: "a file larger than any key", file: "alice.rsa.pem", content: new Uint8Array(100_000) },
    { what: "an empty secret", file: "alice", content: "" },
    { what: "a secret with an empty first line", file: "alice", content: "\nsecond" },
    { what: "a key in a file without an extension", file: "alice", content: RSA },
    { what: "bytes that are no text as a secret", file: "alice", content: derOf(ECDSA) },
  ]
) {
  Deno.test(`get() rejects for ${what}, and the name does not become free`, async () => {
    await using fixture = await openKeyDirectory();
    const { keys, logger } = fixture;
    await fixture.write(file, content);
    const error = await assertRejects(() => keys.get("alice"), RembusError);
    assertFalse(error.message.includes(fixture.path));
    assert(keys.has("alice"));
    assertEquals(logger.events.length, 1);
    assertFalse(await keys.put("alice", rsa));
    await keys.reload();
    assert(keys.has("alice"));
    // An admin can give the name free.
    assert(await keys.remove("alice"));
    assertEquals([keys.has("alice"), await keys.get("alice")], [false, null]);
  });
}

Deno.test("a directory that is called like a key, and a link to nowhere, block the name", async () => {
  await using fixture = await openKeyDirectory();
  const { keys, path } = fixture;
  await Deno.mkdir(`${path}/alice.rsa.pem`, { recursive: true });
  if (Deno.build.os !== "windows") await Deno.symlink("/nowhere/at/all", `${path}/bob.rsa.pem`);
  else await Deno.mkdir(`${path}/bob.rsa.pem`);
  await keys.reload();
  assertEquals(keys.names().toSorted(), ["alice", "bob"]);
  await assertRejects(() => keys.get("alice"), RembusError, 'Cannot read the key of "alice"');
  await assertRejects(() => keys.get("bob"), RembusError, 'Cannot read the key of "bob"');
});

Deno.test({
  name: "get() does not wait for a pipe",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using fixture = await openKeyDirectory();
    await Deno.mkdir(fixture.path, { recursive: true });
    const made = await new Deno.Command("mkfifo", { args: [`${fixture.path}/alice`] }).output();
    assert(made.success);
    await assertRejects(() => fixture.keys.get("alice"), RembusError, "the storage failed");
  },
});

for (
  const { what, key } of [
    { what: "an empty key", key: { kind: "rsa", bytes: new Uint8Array() } },
    { what: "a key of another kind", key: { kind: "ecdsa", bytes: RSA } },
    { what: "a damaged key", key: { kind: "rsa", bytes: RSA.slice(0, 100) } },
    { what: "a key that is too large", key: { kind: "rsa", bytes: new Uint8Array(100_000) } },
    { what: "an empty secret", key: secret("") },
    { what: "a secret of two lines", key: secret("s3cret\nmore") },
    { what: "a secret with a line end", key: secret("s3cret\n") },
    { what: "a key as a secret", key: { kind: "secret", bytes: RSA } },
  ] as const
) {
  Deno.test(`put() refuses ${what}, and leaves nothing behind`, async () => {
    await using fixture = await openKeyDirectory();
    const error = await assertRejects(() => fixture.keys.put("plant/alice", key), KeyError);
    assertFalse(error.message.includes("s3cret"));
    assertEquals(fixture.keys.has("plant/alice"), false);
    await assertRejects(() => Deno.stat(fixture.path), Deno.errors.NotFound);
  });
}

Deno.test("put() says why a name finds no place, and leaves nothing behind", async () => {
  await using fixture = await openKeyDirectory();
  const { keys } = fixture;
  await keys.put("plant/alice", rsa);
  await assertRejects(() => keys.put("plant", secret("x")), KeyError, "there are names below it");
  assert(await keys.put("plant", rsa));
  await keys.put("bob", secret("x"));
  await assertRejects(
    () => keys.put("bob/one/two", rsa),
    RembusError,
    'Cannot store the key of "bob/one/two": a part of the name has a shared secret',
  );
  const long = "a".repeat(250);
  await assertRejects(() => keys.put(`deep/${long}`, rsa), RembusError, "the name is too long");
  assertEquals(await keys.get(`deep/${long}`), null);
  assertEquals(keys.names(), ["plant/alice", "plant", "bob"]);
  assertEquals(await fixture.files(), ["bob", "plant", "plant.rsa.pem", "plant/alice.rsa.pem"]);
});

Deno.test("openKeyFiles() finds names of all kinds, and nothing else", async () => {
  await using fixture = await openKeyDirectory();
  const { keys, path } = fixture;
  for (
    const file of [
      "a.rsa.pem",
      "b",
      "plant/c.acme.org.ecdsa.der",
      "plant/.hidden",
      ".d.rsa.pem",
      "e~",
      "repl.rsa.pem",
      "not good/f.rsa.pem",
    ]
  ) await fixture.write(file, "x");
  if (Deno.build.os !== "windows") await Deno.symlink(path, `${path}/loop`);
  await keys.reload();
  assertEquals(keys.names().filter((name) => name !== "loop").toSorted(), [
    "a",
    "b",
    "plant/c.acme.org",
  ]);
});

Deno.test({
  name: "openKeyFiles() needs no permission besides reading and writing its directory",
  async fn() {
    await using fixture = await openKeyDirectory();
    const { path } = fixture;
    const entry = new URL("../../helpers/key_files_child.ts", import.meta.url);
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        `--allow-read=${path}`,
        `--allow-write=${path}`,
        entry.href,
        path,
      ],
      stderr: "piped",
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    assertEquals(await fixture.files(), []);
  },
});
