import { assert, assertEquals, assertThrows } from "@std/assert";
import { codeArguments, codeEnvironment } from "../../../src/code/process.ts";

const LIMITS = { permissions: {}, memoryBytes: 64 * 1_024 * 1_024 };

Deno.test("codeArguments() grants nothing by default", () => {
  const args = codeArguments("file:///x/child.ts", LIMITS);
  assertEquals(args.filter((arg) => arg.startsWith("--allow")), []);
  for (const wanted of ["--no-prompt", "--no-remote", "--no-npm", "--no-config", "--no-lock"]) {
    assert(args.includes(wanted), wanted);
  }
  assert(args.includes("--v8-flags=--max-old-space-size=64"));
  assertEquals(args.at(-1), "file:///x/child.ts");
});

Deno.test("codeArguments() grants what is named, one by one", () => {
  const permissions = { net: ["db:5432", "[::1]:80"], read: ["/a,b", "/c"], write: ["/d"] };
  const args = codeArguments("file:///x/child.ts", { ...LIMITS, permissions });
  assertEquals(args.filter((arg) => arg.startsWith("--allow")), [
    "--allow-net=db:5432,[::1]:80",
    "--allow-read=/a,,b,/c",
    "--allow-write=/d",
  ]);
});

for (const host of ["", "a,b", "a b", "http://a", "a:b", "a:80 --allow-all"]) {
  Deno.test(`codeArguments() refuses to grant the host ${JSON.stringify(host)}`, () => {
    const permissions = { net: [host] };
    assertThrows(() => codeArguments("file:///x", { ...LIMITS, permissions }), TypeError, host);
  });
}

Deno.test("codeArguments() lets a runtime from a registry load its own modules from the cache", () => {
  const args = codeArguments("https://registry.test/child.ts", LIMITS);
  assert(args.includes("--cached-only"));
  assert(!args.includes("--no-remote"));
});

Deno.test("codeEnvironment() passes on no secret, and no place to keep things", () => {
  const all = { DENO_DIR: "/cache", HOME: "/home/me", PGPASSWORD: "x", SYSTEMROOT: "C:\\Windows" };
  const local = codeEnvironment("file:///x/child.ts", all);
  assert(local.DENO_DIR !== "/cache");
  assertEquals(local.HOME, undefined);
  assertEquals(local.PGPASSWORD, undefined);
  assertEquals(local.SYSTEMROOT, "C:\\Windows");
  const remote = codeEnvironment("https://registry.test/child.ts", all);
  assertEquals(remote.DENO_DIR, "/cache");
  assertEquals(remote.PGPASSWORD, undefined);
});
