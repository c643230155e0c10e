import type { TableInfo, TablesInfo } from "../store/tables_answer.ts";
import { type Command, JSON_OPTION } from "./command.ts";
import { brokerAddress, CONNECTION_OPTIONS, CONNECTION_SETTINGS } from "./connection.ts";
import { CommandError, EXIT } from "./exit.ts";
import type { Style } from "./style.ts";
import { fetchTables } from "./table_list.ts";
import { jsonLine } from "./values.ts";
import { visible, widthOf } from "./visible.ts";

/** `rembus tables` */
export const tablesCommand: Command = {
  name: "tables",
  summary: "list the tables of the broker, their columns, and how they are",
  operands: "",
  operandCount: [0, 0],
  options: [...CONNECTION_OPTIONS, { ...JSON_OPTION, doc: "print it as one JSON object" }],
  settings: CONNECTION_SETTINGS,
  details: [
    "For each table: the topic that fills it, and its columns with type, key, and what the broker\n" +
    "fills in. Exit code 1 when rows do not arrive. Needs --allow-net.",
  ],
  examples: ["rembus tables", "rembus tables --json | jq -r '.tables[].table'"],
  untilInterrupted: false,
  async run(context) {
    const { io, json, signal, style } = context;
    const broker = await brokerAddress(context);
    await using node = await broker.connect();
    const info = await fetchTables(node.with({ signal }));
    if (info === null) {
      throw new CommandError(
        "Cannot list tables: the broker has none, or does not tell; start it with --schema FILE",
      );
    }
    await io.line(json ? jsonLine(info) : tablesText(info, style));
    return info.state === "failed" || info.message !== null ? EXIT.FAILED : EXIT.OK;
  },
};

/** The tables for people: first how they are, then each with its columns. */
export function tablesText(info: TablesInfo, style: Style): string {
  return [healthLine(info, style), ...tableLines(info)].join("\n");
}

function healthLine(info: TablesInfo, style: Style): string {
  const { storage, state, message, behind, rows, dead_letters } = info;
  const word = message === null && state === "ready" ? style.good(state) : style.bad(state);
  const parts = [
    `${storage ?? "storage not open yet"}`,
    behind === null ? "lag not known" : `${behind} messages behind the log`,
    `${rows} rows stored since the start`,
    ...dead_letters === 0 ? [] : [`${dead_letters} dead letters (__dead_letter)`],
    ...message === null ? [] : [visible(message)],
  ];
  return `${word}: ${parts.join(", ")}`;
}

function tableLines({ tables }: TablesInfo): string[] {
  if (tables.length === 0) return ["", "no tables"];
  return tables.flatMap((table) => ["", headOf(table), ...columnLines(table)]);
}

function headOf({ table, topic }: TableInfo): string {
  return `${visible(table)}  <-  ${visible(topic)}`;
}

const INDENT = "  ";

function columnLines({ columns }: TableInfo): string[] {
  const cells = columns.map(({ name, type, nullable, key, extra }) => [
    visible(name),
    visible(type),
    [
      ...key ? ["key"] : [],
      ...nullable || key ? [] : ["not null"],
      ...extra === null ? [] : [`filled with ${extra}`],
    ].join(", "),
  ]);
  const widths = [0, 1].map((at) => Math.max(0, ...cells.map((row) => widthOf(row[at] ?? ""))));
  return cells.map((row) =>
    INDENT +
    row.map((cell, at) => cell + " ".repeat(Math.max(0, (widths[at] ?? 0) - widthOf(cell))))
      .join(INDENT).trimEnd()
  );
}
