// Goal: who opens client.ts and uses no tables does not load an Arrow library, nor does who only uses frames.
// Method: the module graph, and a process of its own in which the library cannot be had.

import { assert, assertEquals } from "@std/assert";

const CLIENT = new URL("../../../client.ts", import.meta.url);

interface Dependency {
  readonly specifier: string;
  readonly isDynamic?: boolean;
}

Deno.test("client.ts reaches an Arrow library by one dynamic import only", async () => {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", CLIENT.pathname],
    stderr: "null",
  }).output();
  assert(success);
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
    modules: { specifier: string; dependencies?: Dependency[] }[];
  };
  const found = modules.flatMap(({ specifier, dependencies = [] }) =>
    dependencies.filter((one) => one.specifier.startsWith("npm:")).map((one) => [
      specifier.split("/").at(-1),
      one.specifier,
      one.isDynamic === true,
    ])
  );
  assertEquals(found, [["arrow.ts", "npm:@uwdata/flechette@2.6.0", true]]);
});

Deno.test("DataFrame makes and reads frames without an Arrow library", async () => {
  const program = `
    const { DataFrame } = await import(${JSON.stringify(CLIENT.href)});
    const frame = DataFrame.fromColumns({ a: [1, null], b: ["x", "y"] });
    console.log(JSON.stringify(DataFrame.fromArrow(frame.bytes).rows()));
    await frame.table().then(() => console.log("loaded"), () => console.log("not there"));
  `;
  const directory = await Deno.makeTempDir();
  try {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-npm", "--no-lock", "--no-config", "--no-check", program],
      cwd: directory,
      stderr: "null",
    }).output();
    const [rows, table] = new TextDecoder().decode(stdout).trim().split("\n");
    assertEquals(rows, '[{"a":1,"b":"x"},{"a":null,"b":"y"}]');
    assertEquals(table, "not there");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
