import { assertEquals, assertStringIncludes } from "@std/assert";
import { styleFor } from "../../../src/cli/style.ts";
import { fetchTables } from "../../../src/cli/table_list.ts";
import { tablesText } from "../../../src/cli/tables_command.ts";
import { callError, Status } from "../../../src/protocol/errors.ts";
import type { TablesInfo } from "../../../src/store/tables_answer.ts";
import { fakeIo } from "./fake_io.ts";

const STYLE = styleFor(fakeIo());
const INFO: TablesInfo = {
  storage: "native",
  state: "ready",
  message: null,
  behind: 0,
  rows: 12,
  dead_letters: 0,
  tables: [{
    table: "telemetry",
    topic: ":dn/telemetry",
    columns: [
      { name: "dn", type: "VARCHAR", nullable: false, key: true, extra: null },
      { name: "temperature", type: "DOUBLE", nullable: true, key: false, extra: null },
      { name: "ts", type: "UBIGINT", nullable: false, key: false, extra: "recv_ts" },
    ],
  }],
};

Deno.test("tablesText() lists each table with its topic and columns", () => {
  assertEquals(tablesText(INFO, STYLE).split("\n"), [
    "ready: native, 0 messages behind the log, 12 rows stored since the start",
    "",
    "telemetry  <-  :dn/telemetry",
    "  dn           VARCHAR  key",
    "  temperature  DOUBLE",
    "  ts           UBIGINT  not null, filled with recv_ts",
  ]);
});

Deno.test("tablesText() says why rows do not arrive", () => {
  const text = tablesText({
    ...INFO,
    storage: null,
    state: "restarting",
    message: "the disk is full\n",
    behind: null,
    dead_letters: 3,
    tables: [],
  }, STYLE);
  assertStringIncludes(text, "restarting: storage not open yet, lag not known");
  assertStringIncludes(text, String.raw`3 dead letters (__dead_letter), the disk is full\n`);
  assertStringIncludes(text, "no tables");
});

Deno.test("fetchTables() gives null for brokers that do not tell", async () => {
  const error = callError(Status.METHOD_NOT_FOUND, "__tables__", null);
  assertEquals(await fetchTables({ rpc: () => Promise.reject(error) }), null);
  assertEquals(await fetchTables({ rpc: () => Promise.resolve("?") }), null);
  assertEquals(await fetchTables({ rpc: () => Promise.resolve(INFO) }), INFO);
});
