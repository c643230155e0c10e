import { assertEquals, assertRejects } from "@std/assert";
import type { CommandContext } from "../../../src/cli/command.ts";
import { CommandError, EXIT, UsageError } from "../../../src/cli/exit.ts";
import { optionsOf } from "../../../src/cli/help.ts";
import { importCommandWith } from "../../../src/cli/import_command.ts";
import { parseOptions, settingArguments } from "../../../src/cli/options.ts";
import { styleFor } from "../../../src/cli/style.ts";
import { resolveSettings } from "../../../src/node/settings.ts";
import type { ImportOptions, ImportReport } from "../../../src/state/import.ts";
import { SILENT } from "../../../src/util/log.ts";
import { type FakeIo, fakeIo } from "./fake_io.ts";

const REPORT: ImportReport = {
  source: "/old/plant.duckdb",
  sourceKind: "duckdb",
  storage: "native",
  items: [
    { kind: "subscriptions", taken: 4, skipped: [{ count: 2, reason: "are of nobody" }] },
    { kind: 'table "sensor"', taken: 100, skipped: [{ count: 1, reason: "do not fit" }] },
  ],
};

/** Runs the command with an importer that only takes notes. */
async function run(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ io: FakeIo; code: number; asked: ImportOptions | undefined }> {
  const asked: ImportOptions[] = [];
  const command = importCommandWith((options) => {
    asked.push(options);
    return Promise.resolve(REPORT);
  });
  const io = fakeIo({ env });
  const options = parseOptions(args, optionsOf(command));
  const context: CommandContext = {
    io,
    options,
    style: styleFor(io),
    logger: SILENT,
    signal: new AbortController().signal,
    json: options.flag("json") ?? false,
    settings: ({ daemon }) =>
      resolveSettings({
        host: io.host,
        arguments: settingArguments(options, command.settings),
        daemon,
        logger: SILENT,
      }),
  };
  return { io, code: await command.run(context), asked: asked[0] };
}

Deno.test("import passes on what is imported and where to, and prints the report", async () => {
  const { io, code, asked } = await run(
    ["/old", "--name", "plant", "--dir", "/new", "--storage", "native", "--from-url", "ducklake:x"],
    { REMBUS_EXTENSION_DIR: "/ext" },
  );
  assertEquals(code, EXIT.OK);
  const { from, name, to, storage, fromUrl, extensionDirectory } = asked ?? {};
  assertEquals({ from, name, to, storage, fromUrl, extensionDirectory }, {
    from: "/old",
    name: "plant",
    to: "/new",
    storage: "native",
    fromUrl: "ducklake:x",
    extensionDirectory: "/ext",
  });
  assertEquals(io.lines, [
    "plant is imported from /old/plant.duckdb (duckdb) to /new; tables are kept in native",
    "  subscriptions: 4",
    "    not taken: 2 subscriptions are of nobody",
    '  table "sensor": 100 rows',
    "    not taken: 1 rows do not fit",
  ]);
});

Deno.test("import prints the report as JSON, and leaves out what nobody said", async () => {
  const { io, asked } = await run(["/old", "--json"], { REMBUS_DIR: "/new" });
  assertEquals(JSON.parse(io.lines[0] ?? ""), REPORT);
  const { from, name, to } = asked ?? {};
  assertEquals([from, name, to], ["/old", "broker", "/new"]);
  for (const absent of ["storage", "fromUrl", "extensionDirectory"]) {
    assertEquals(absent in (asked ?? {}), false);
  }
});

Deno.test("import refuses an unknown storage, and needs to know where to", async () => {
  await assertRejects(() => run(["/old", "--storage", "sqlite"]), UsageError, "native, ducklake");
  await assertRejects(() => run(["/old"]), CommandError, "--dir");
});
