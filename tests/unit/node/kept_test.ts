import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { isKept, openKept } from "../../../src/node/kept.ts";
import { type ResolvedSettings, resolveSettings } from "../../../src/node/settings.ts";
import type { Settings } from "../../../src/node/settings.ts";
import { SILENT } from "../../../src/util/log.ts";

function resolve(
  given: Partial<Settings>,
  file: Readonly<Record<string, unknown>> = {},
  dir: string | undefined = "/r",
): Promise<ResolvedSettings> {
  return resolveSettings({
    host: {
      os: "linux",
      env: (name) => name === "REMBUS_DIR" ? dir : undefined,
      readText: () => Promise.resolve(JSON.stringify(file)),
    },
    arguments: given,
    daemon: false,
    logger: SILENT,
  });
}

const CASES: readonly {
  readonly given: Partial<Settings>;
  readonly file?: Readonly<Record<string, unknown>>;
  readonly kept: boolean;
}[] = [
  { given: {}, kept: false },
  { given: { dir: "/d", policy: "less_busy" }, kept: false },
  { given: { memory: false }, kept: true },
  { given: { memory: true, storage: "native" }, kept: false },
  { given: { schema: "s.json" }, kept: true },
  { given: { logRetention: 60 }, kept: true },
  { given: { ducklakeUrl: "ducklake:x" }, kept: true },
  { given: {}, file: { memory: false }, kept: true },
  { given: {}, file: { schema: "s.json" }, kept: true },
  { given: {}, file: { storage: "native" }, kept: false },
];
for (const { given, file = {}, kept } of CASES) {
  const said = `${JSON.stringify(given)} and the file ${JSON.stringify(file)}`;
  Deno.test(`isKept() is ${kept} for a program that says ${said}`, async () => {
    assertEquals(isKept(await resolve(given, file), { hasSchema: false }), kept);
  });
}

Deno.test("isKept() is true for a schema that is given as a value", async () => {
  assertEquals(isKept(await resolve({}), { hasSchema: true }), true);
});

const PARTS = { schema: undefined, clock: undefined, logger: SILENT } as const;

Deno.test("openKept() opens nothing with memory, and refuses a schema beside it", async () => {
  const { values } = await resolve({ memory: true });
  assertEquals(await openKept(values, PARTS), null);
  for (const settings of [values, { ...values, schema: "s.json" }]) {
    const schema = settings.schema === null ? {} : undefined;
    await assertRejects(() => openKept(settings, { ...PARTS, schema }), TypeError, "memory");
  }
});

Deno.test("openKept() asks for a directory when none is known", async () => {
  const { values } = await resolve({});
  const error = await assertRejects(() => openKept({ ...values, dir: null }, PARTS), TypeError);
  for (const part of ["--dir", "REMBUS_DIR", "--memory"]) assertStringIncludes(error.message, part);
});

Deno.test("openKept() names the schema file that it cannot read", async () => {
  const { values } = await resolve({});
  for (const schema of ["/nonexistent/schema.json", new URL(import.meta.url).pathname]) {
    const error = await assertRejects(() => openKept({ ...values, schema }, PARTS), TypeError);
    assertStringIncludes(error.message, schema);
  }
});

Deno.test("openKept() refuses native storage beside a catalog of DuckLake", async () => {
  const { values } = await resolve({ storage: "native", ducklakeUrl: "ducklake:x" });
  const kept = () => openKept(values, { ...PARTS, schema: { tables: [] } });
  const error = await assertRejects(kept, TypeError);
  for (const part of ["native", "DUCKLAKE_URL"]) assertStringIncludes(error.message, part);
});
