import { assert, assertEquals } from "@std/assert";
import { lakeArguments, lakeEnvironment } from "../../../src/lake/process.ts";

Deno.test("lakeArguments() grants what is listed and nothing else", () => {
  assertEquals(
    lakeArguments("file:///entry.ts", {
      read: ["/a", "/b,c"],
      write: ["/a"],
      ffi: "/x/duckdb.node",
    }),
    [
      ...["run", "--no-prompt", "--allow-read=/a,/b,,c", "--allow-write=/a"],
      ...["--allow-ffi=/x/duckdb.node", "file:///entry.ts"],
    ],
  );
});

Deno.test("lakeArguments() uses no lock file for an entry of the registry", () => {
  const none = { read: [], write: [], ffi: null };
  assert(lakeArguments("https://example.org/entry.ts", none).includes("--no-lock"));
  assert(!lakeArguments("file:///entry.ts", none).includes("--no-lock"));
});

Deno.test("lakeArguments() grants no reading when nothing is to be read", () => {
  assertEquals(lakeArguments("e.ts", { read: [], write: [], ffi: null }), [
    "run",
    "--no-prompt",
    "--allow-ffi",
    "e.ts",
  ]);
});

Deno.test("lakeEnvironment() passes what the process needs and no secrets of the broker", () => {
  assertEquals(
    lakeEnvironment({
      HOME: "/h",
      DENO_DIR: "/d",
      TZ: "UTC",
      PGPASSWORD: "p",
      AWS_REGION: "r",
      REMBUS_DIR: "/r",
      GITHUB_TOKEN: "t",
      PATH: "/bin",
    }),
    { HOME: "/h", DENO_DIR: "/d", TZ: "UTC", PGPASSWORD: "p", AWS_REGION: "r" },
  );
});
