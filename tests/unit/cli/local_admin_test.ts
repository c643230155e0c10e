import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../../src/cli/exit.ts";
import { main } from "../../../src/cli/main.ts";
import { generateKeys } from "../../../src/identity/generate.ts";
import { openOffline } from "../../../src/store/offline_state.ts";
import { type FakeIo, fakeIo } from "./fake_io.ts";

/** A directory of brokers, and command lines for the files in it. */
class Place implements AsyncDisposable {
  readonly dir = Deno.makeTempDirSync();

  /** Runs a command line with `--local`. */
  async run(
    args: readonly string[],
    parts: Parameters<typeof fakeIo>[0] = {},
  ): Promise<FakeIo & { readonly code: number }> {
    const io = fakeIo({ ...parts, env: { REMBUS_DIR: this.dir, ...parts.env } });
    const code = await main([...args, "--local"], io);
    return { ...io, code };
  }

  /** What it printed when it succeeded. */
  async lines(
    args: readonly string[],
    parts: Parameters<typeof fakeIo>[0] = {},
  ): Promise<readonly string[]> {
    const { code, errors, lines } = await this.run(args, parts);
    assertEquals([code, errors], [EXIT.OK, []]);
    return lines;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Deno.remove(this.dir, { recursive: true });
  }
}

Deno.test("admins --local adds, lists and removes, also before the first start", async () => {
  await using place = new Place();
  assertEquals(await place.lines(["admins", "list"]), ["no admins"]);
  assertEquals(await place.lines(["admins", "list", "--json"]), []);
  await place.lines(["admins", "add", "ada"]);
  await place.lines(["admins", "add", "ada"]);
  await place.lines(["admins", "add", "bob"]);
  assertEquals(await place.lines(["admins", "list"]), ["ada", "bob"]);
  assertEquals(await place.lines(["admins", "remove", "ada", "--json"]), [
    '{"cmd":"remove_admin","name":"ada"}',
  ]);
  assertEquals(await place.lines(["admins", "list", "--json"]), ['"bob"']);
  const again = await place.run(["admins", "remove", "ada"]);
  assertEquals(again.code, EXIT.FAILED);
  assertStringIncludes(again.errors[0] ?? "", 'Cannot remove admin "ada"');
});

Deno.test("tenants --local keeps PINs, and tells one only when it made it", async () => {
  await using place = new Place();
  const [line = ""] = await place.lines(["tenants", "add", ".", "--generate", "--json"]);
  const { pin } = JSON.parse(line);
  assertMatch(pin, /^[a-z2-9]{16}$/);
  const told = await place.lines(["tenants", "add", "acme.org"], { typed: "deadbeef" });
  assertEquals(told, ["tenant acme.org has its PIN"]);
  await place.lines(["tenants", "add", "acme.org", "--pin-file", "-"], { input: "cafebabe\n" });
  assertEquals(await place.lines(["tenants", "list"]), [".", "acme.org"]);
  {
    await using state = await openOffline({ dir: place.dir, name: "broker" });
    assertEquals(state.tenants.toSorted((one, other) => one.tenant < other.tenant ? -1 : 1), [
      { tenant: ".", secret: pin },
      { tenant: "acme.org", secret: "cafebabe" },
    ]);
  }
  await place.lines(["tenants", "remove", "."]);
  assertEquals(await place.lines(["tenants", "list"]), ["acme.org"]);
  assertEquals((await place.run(["tenants", "remove", "."])).code, EXIT.FAILED);
});

Deno.test("users --local registers by key and by secret, and refuses names that are taken", async () => {
  await using place = new Place();
  const { publicPem, privatePem } = await generateKeys("ecdsa");
  const files = { "k.pem": publicPem, "private.pem": privatePem, empty: "" };
  await place.lines(["users", "add", "meter", "--key", "k.pem"], { files });
  await place.lines(["users", "add", "pump", "--secret-file", "-"], { input: "open sesame\n" });
  await place.lines(["admins", "add", "ada"]);
  assertEquals(await place.lines(["users", "list"]), [
    "name   key     admin  connected",
    "ada    none    yes    no",
    "meter  ecdsa   no     no",
    "pump   secret  no     no",
  ]);
  assertEquals(
    (await place.lines(["users", "list", "--json"]))[1],
    [
      '{"name":"meter","kind":"ecdsa","admin":false,"connected":false}',
    ].join(),
  );
  const refused = [
    { args: ["users", "add", "meter", "--key", "k.pem"], wanted: "it is registered" },
    { args: ["users", "add", "x", "--key", "private.pem"], wanted: "Cannot" },
    { args: ["users", "add", "x", "--key", "empty"], wanted: "Cannot" },
    { args: ["users", "remove", "x"], wanted: "expected a registered name" },
  ];
  for (const { args, wanted } of refused) {
    const { code, errors } = await place.run(args, { files });
    assertEquals(code, EXIT.FAILED);
    assertStringIncludes(errors[0] ?? "", wanted);
  }
  await place.lines(["users", "remove", "meter"]);
  assertEquals((await place.lines(["users", "list", "--json"])).length, 2);
});

Deno.test("acl --local makes topics private and public, and names who may use them", async () => {
  await using place = new Place();
  assertEquals(await place.lines(["acl", "list"]), ["no private topics"]);
  await place.lines(["acl", "private", "plant/**"]);
  await place.lines(["acl", "private", "alarm"]);
  assertEquals(await place.lines(["acl", "add", "plant/**", "meter", "ada"]), [
    "meter may use plant/**",
    "ada may use plant/**",
  ]);
  assertEquals(await place.lines(["acl", "list"]), ["alarm: nobody", "plant/**: ada, meter"]);
  await place.lines(["acl", "private", "plant/**"]);
  assertEquals(await place.lines(["acl", "remove", "plant/**", "ada", "--json"]), [
    '{"cmd":"unauthorize","topic":"plant/**","name":"ada"}',
  ]);
  await place.lines(["acl", "remove", "public", "ada"]);
  await place.lines(["acl", "public", "alarm"]);
  assertEquals(await place.lines(["acl", "list", "--json"]), [
    '{"topic":"plant/**","names":["meter"]}',
  ]);
});

Deno.test("--local notes changes in the audit trail, refused ones too, and never a secret", async () => {
  await using place = new Place();
  await place.lines(["tenants", "add", "acme.org"], { typed: "deadbeef" });
  await place.lines(["users", "add", "pump", "--secret-file", "-"], { input: "open sesame\n" });
  await place.run(["admins", "remove", "ada"]);
  await place.lines(["admins", "list"]);
  const text = await Deno.readTextFile(`${place.dir}/broker/audit.log`);
  const entries = text.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(
    entries.map(({ action, subject, cid, outcome }) => [action, subject, cid, outcome]),
    [
      ["put_tenant", "acme.org", null, "done"],
      ["add_user", null, "pump", "done"],
      ["remove_admin", null, "ada", "refused"],
    ],
  );
  assert(!text.includes("deadbeef") && !text.includes("sesame"));
});

Deno.test("--local changes the broker that is named, and none that runs", async () => {
  await using place = new Place();
  await place.lines(["admins", "add", "ada", "--broker", "plant"]);
  assertEquals(await place.lines(["admins", "list"]), ["no admins"]);
  await using _running = await openOffline({ dir: place.dir, name: "plant" });
  const { code, errors } = await place.run(["admins", "list", "--broker", "plant"]);
  assertEquals(code, EXIT.FAILED);
  assertStringIncludes(errors[0] ?? "", "expected that it does not run");
});

Deno.test("--local needs a directory", async () => {
  const io = fakeIo();
  assertEquals(await main(["admins", "list", "--local"], io), EXIT.FAILED);
  assertStringIncludes(io.errors[0] ?? "", "--dir");
});
