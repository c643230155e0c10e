import { readableEnvironment } from "../host/environment.ts";
import { lakeEnvironment } from "../lake/process.ts";
import type { ImportItem, ImportOptions, ImportReport } from "../state/import.ts";
import { type Command, JSON_OPTION } from "./command.ts";
import { CommandError, EXIT, UsageError } from "./exit.ts";
import type { ParsedOptions } from "./options.ts";
import { jsonLine } from "./values.ts";

const STORAGES = ["auto", "native", "ducklake"] as const;

/** What does the work; tests give their own. */
export type Importer = (options: ImportOptions) => Promise<ImportReport>;

/** `rembus import` */
export const importCommand: Command = importCommandWith(async (options) => {
  // With what it needs of a database, it is loaded only by those who use it.
  const { importDirectory } = await import("../state/import.ts");
  return await importDirectory(options);
});

/** The command with what does the work. */
export function importCommandWith(importDirectory: Importer): Command {
  return {
    name: "import",
    summary: "take over the directory of a rembus.python broker",
    operands: "<directory>",
    operandCount: [1, 1],
    options: [
      {
        name: "from-url",
        value: "URL",
        doc: "DUCKLAKE_URL that rembus.python ran with [the store in the directory]",
      },
      {
        name: "storage",
        value: STORAGES.join("|"),
        doc: "what the tables are kept in from now on [auto]",
      },
      JSON_OPTION,
    ],
    settings: ["name", "dir", "log"],
    details: [
      "The directory is REMBUS_DIR of rembus.python; it is only read, and its broker must not run.\n" +
      "Takes over who subscribed and exposed what, admins, tenants, public keys, settings, and the\n" +
      "rows of all tables. Stored messages stay behind: the new log is empty. --name is the name of\n" +
      "the broker, there and here; --dir is where it goes to, and must not have a broker of that name.",
      "Needs --allow-read, --allow-write, --allow-env, and --allow-run for the process that has DuckDB.",
    ],
    examples: [
      "rembus import ~/.config/rembus --name plant --dir /var/lib/rembus",
      "rembus import old --dir new --json | jq .items",
    ],
    untilInterrupted: false,
    async run({ io, json, options, settings, logger }) {
      const [from = ""] = options.operands;
      const storage = storageOption(options);
      const { values: { dir, name } } = await settings({ daemon: true });
      if (dir === null) {
        throw new CommandError(
          `Cannot import "${from}": expected where to; say --dir or set REMBUS_DIR`,
        );
      }
      const fromUrl = options.text("from-url");
      const extensionDirectory = io.host.env("REMBUS_EXTENSION_DIR");
      const report = await importDirectory({
        from,
        name,
        to: dir,
        ...fromUrl === undefined ? {} : { fromUrl },
        ...storage === undefined ? {} : { storage },
        ...extensionDirectory === undefined ? {} : { extensionDirectory },
        env: lakeEnvironment(readableEnvironment()),
        logger,
      });
      await io.line(json ? jsonLine(report) : reportText(report, { name, dir }));
      return EXIT.OK;
    },
  };
}

function storageOption(options: ParsedOptions): typeof STORAGES[number] | undefined {
  const text = options.text("storage");
  if (text === undefined) return undefined;
  const storage = STORAGES.find((one) => one === text);
  if (storage !== undefined) return storage;
  throw new UsageError(
    `Cannot use option "--storage": expected ${STORAGES.join(", ")}, got "${text}"`,
  );
}

function reportText(
  { source, sourceKind, storage, items }: ImportReport,
  { name, dir }: { readonly name: string; readonly dir: string },
): string {
  const tables = storage === null ? "it had no tables" : `tables are kept in ${storage}`;
  return [
    `${name} is imported from ${source} (${sourceKind}) to ${dir}; ${tables}`,
    ...items.flatMap(itemLines),
  ].join("\n");
}

function itemLines({ kind, taken, skipped }: ImportItem): string[] {
  const isTable = kind.startsWith("table ");
  const things = isTable ? "rows" : kind;
  return [
    isTable ? `  ${kind}: ${taken} rows` : `  ${kind}: ${taken}`,
    ...skipped.map(({ count, reason }) => `    not taken: ${count} ${things} ${reason}`),
  ];
}
