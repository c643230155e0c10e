// Goal: what a rembus.python client publishes to a table comes back as the same polars frame, on every storage.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { eventually } from "../helpers/eventually.ts";
import { LakeBus } from "../helpers/lake_bus.ts";
import { temporaryDirectory } from "../helpers/lake_directory.ts";
import { EXTENSIONS } from "../helpers/lake_extensions.ts";
import { README_SCHEMA } from "../helpers/lake_schema.ts";
import { type Need, testNeeding } from "../helpers/needs.ts";
import { PythonError } from "./python_peer.ts";
import { frameOf, PYTHON, type TablePeer, TablePython } from "./python_storage_peer.ts";

/** The tables of the README; then append and keyed with defaults, extras and columns that must not be null. */
const SCHEMA = {
  tables: [
    ...README_SCHEMA.tables,
    {
      table: "topic1",
      topic: ":name/:type/topic1",
      columns: [
        { col: "name", type: "TEXT", nullable: false },
        { col: "type", type: "TEXT" },
        { col: "tinteger", type: "INTEGER", default: 5 },
        { col: "tdouble", type: "DOUBLE" },
      ],
      extras: { recv_ts: "ts", slot: "bucket" },
    },
    {
      table: "keyed",
      columns: [
        { col: "name", type: "TEXT", nullable: false },
        { col: "value", type: "BIGINT" },
        { col: "note", type: "TEXT", default: "new" },
      ],
      keys: ["name"],
      extras: { recv_ts: "ts" },
    },
  ],
};

/** One broker and one Python process for all steps of a test: both start in seconds. */
interface Stage {
  readonly bus: LakeBus;
  readonly python: TablePython;
  /** A component in Python. */
  readonly meter: TablePeer;
  readonly storage: "native" | "ducklake";
}

type Step = (stage: Stage) => Promise<void>;

/** Sentence -> what is done on a stage, whose tables are empty. */
const steps = new Map<string, Step>();

function step(name: string, run: Step): void {
  steps.set(name, run);
}

/** A frame of `keyed` without its extra. */
function keyed(name: string, value: string, note: string): string {
  return `pl.DataFrame({'name': ${name}, 'value': pl.Series(${value}, dtype=pl.Int64), ` +
    `'note': pl.Series(${note}, dtype=pl.Utf8)})`;
}

const KEYED = { cols: ["name", "value", "note"], order: "name" };

step("fills the tables of the README, and queries them back", async ({ meter }) => {
  await meter.publish("mysite/HVAC/mysite.sensor1/sensor");
  assertEquals(
    await meter.differs(
      "query_sensor",
      [],
      "pl.DataFrame({'site': ['mysite'], 'type': ['HVAC'], 'dn': ['mysite.sensor1']})",
    ),
    null,
  );
  const sensors = "pl.DataFrame({'site': ['s', 's'], 'type': ['a', 'b'], 'dn': ['d1', 'd2']})";
  await meter.publish("sensor", [frameOf(sensors)], { qos: 1 });
  const query = { where: "site = 's'", order: "dn" };
  const published = await meter.differs("query_sensor", [query], sensors);
  assertEquals(published, null);

  await meter.publish("mysite.sensor1/telemetry", [{ temperature: 21.6, pressure: 980 }], {
    qos: 2,
    slot: 900,
  });
  await meter.publish("s2/telemetry", ["ignored: the topic names it", 1, 2.5], { qos: 1 });
  await meter.publish("telemetry", [{ temperature: 5 }]);
  await meter.publish("s4/telemetry");
  const frame = "pl.DataFrame({'dn': ['s5', None], 'temperature': [1.5, None], " +
    "'pressure': [None, 2.5]})";
  await meter.publish("telemetry", [frameOf(frame)], { slot: 1 });
  // The topic of a frame is a column of all its rows, which wins over the one that the frame has.
  await meter.publish("s6/telemetry", [frameOf(frame)], { qos: 2 });
  const stored = await meter.differs(
    "query_telemetry",
    [{
      cols: "dn, temperature, pressure, time_bucket",
      order: ["ts", "temperature"],
    }],
    "pl.DataFrame({'dn': ['mysite.sensor1', 's2', None, 's4', 's5', None, 's6', 's6'], " +
      "'temperature': [21.6, 1.0, 5.0, None, 1.5, None, 1.5, None], " +
      "'pressure': [980.0, 2.5, None, None, None, 2.5, None, 2.5], " +
      "'time_bucket': pl.Series([900, None, None, None, 1, 1, None, None], dtype=pl.UInt32)})",
  );
  assertEquals(stored, null);
  assertEquals(await meter.dtypes("query_telemetry"), {
    dn: "String",
    temperature: "Float64",
    pressure: "Float64",
    ts: "UInt64",
    time_bucket: "UInt32",
  });
});

step("asks for rows by where, and for columns by list and by text", async ({ meter }) => {
  const rows = keyed("['a', 'b', 'c']", "[1, 2**53 + 1, None]", "['x', 'y', None]");
  await meter.publish("keyed", [frameOf(rows)], { qos: 1 });
  for (const args of [[KEYED], [{ ...KEYED, where: "name >= 'a'" }]]) {
    assertEquals(await meter.differs("query_keyed", args, rows), null);
  }
  const big = "pl.DataFrame({'value': [2**53 + 1]})";
  for (const cols of [["value"], "value"]) {
    const args = [{ cols, where: "value > 9007199254740992" }];
    assertEquals(await meter.differs("query_keyed", args, big), null);
  }
  // Without arguments it is all of it, in no order.
  for (const args of [[], [null], [{}]]) {
    const { $frame } = await meter.rpc("query_keyed", args) as { $frame: Record<string, string[]> };
    assertEquals($frame["name"]?.toSorted(), ["a", "b", "c"]);
    assertEquals(Object.keys($frame), ["name", "value", "note", "ts"]);
  }
  const none = [{ ...KEYED, where: "name = 'nobody'" }];
  assertEquals(await meter.differs("query_keyed", none, `${rows}.clear()`), null);
  for (
    const [args, reason] of [
      [[{ cols: "name", wher: "1 = 1" }], "invalid keys: wher"],
      [[{ where: "" }], '"where"'],
      [[{ cols: [] }], '"cols"'],
      [[{ where: "name = 'a'; DROP TABLE keyed" }], 'syntax error at or near ";"'],
      [["name"], "expected a map"],
    ] as const
  ) {
    await assertRejects(() => meter.rpc("query_keyed", args), PythonError, reason);
  }
});

step(
  "asks what a table was, by text and by seconds, where the storage knows it",
  async ({ meter, storage }) => {
    const cols = ["name", "value", "note"];
    await meter.publish("keyed", [{ name: "a", value: 1 }], { qos: 1 });
    const before = keyed("['a']", "[1]", "['new']");
    assertEquals(await meter.differs("query_keyed", [{ cols }], before), null);
    const committedMs = Date.now();
    if (storage === "native") {
      for (const when of [committedMs / 1_000, localText(committedMs)]) {
        await assertRejects(
          () => meter.rpc("query_keyed", [{ when }]),
          PythonError,
          'Cannot use "when": the tables are a native DuckDB file, which has no past',
        );
      }
      return;
    }
    // A text has whole seconds: the next one is certainly behind the commit.
    const second = Math.ceil(committedMs / 1_000);
    await eventually(() => assert(Date.now() > second * 1_000));
    await meter.rpc("upsert_keyed", [{ name: "a", value: 2 }]);
    await meter.publish("keyed", [{ name: "b", value: 3 }]);
    const now = keyed("['a', 'b']", "[2, 3]", "['new', 'new']");
    assertEquals(await meter.differs("query_keyed", [KEYED], now), null);
    for (const when of [second, second + 0.001, localText(second * 1_000)]) {
      assertEquals(await meter.differs("query_keyed", [{ ...KEYED, when }], before), null);
    }
    await assertRejects(
      () => meter.rpc("query_keyed", [{ when: second - 3_600 }]),
      PythonError,
      "No snapshot found",
    );
    await assertRejects(
      () => meter.rpc("query_keyed", [{ when: "yesterday" }]),
      PythonError,
      'Cannot use "when": expected epoch seconds or a text',
    );
  },
);

step("upserts a map, a list of maps and a polars frame", async ({ meter }) => {
  const upsert = (...args: readonly unknown[]) => meter.rpc("upsert_keyed", args);
  assertEquals(await upsert({ name: "a", value: 1, note: "x" }), null);
  assertEquals(await upsert([{ name: "a", value: 2 }, { name: "b", note: "y" }]), null);
  const frame = keyed("['b', 'c', 'c']", "[2**62 + 1, 4, 5]", "[None, 'z', None]");
  assertEquals(await upsert(frameOf(frame)), null);
  // Null keeps what is there, unless it is asked for.
  const merged = keyed("['a', 'b', 'c']", "[2, 2**62 + 1, 5]", "['x', 'y', 'z']");
  assertEquals(await meter.differs("query_keyed", [KEYED], merged), null);
  assertEquals(await upsert({ name: "a", value: null }, { nulls: true }), null);
  const nulls = keyed("['b', 'c']", "[None, 7]", "[None, 'w']");
  assertEquals(await upsert(frameOf(nulls), { nulls: true }), null);
  assertEquals(await upsert([]), null);
  assertEquals(
    await meter.differs(
      "query_keyed",
      [KEYED],
      keyed("['a', 'b', 'c']", "[None, None, 7]", "['x', None, 'w']"),
    ),
    null,
  );
  for (
    const [args, reason] of [
      [[5], "upsert failed: invalid record type number"],
      [[{ value: 1 }], '"name"'],
      [[{ name: "a", value: "many" }], '"value"'],
      [[{ name: "a" }, { nils: true }], "nils"],
      [[], "upsert"],
    ] as const
  ) {
    await assertRejects(() => upsert(...args), PythonError, reason);
  }
  // A table without keys gets rows.
  assertEquals(await meter.rpc("upsert_topic1", [[{ name: "a", type: "b" }, { name: "c" }]]), null);
  const inserted = await meter.differs(
    "query_topic1",
    [{ cols: "name, type", order: "name" }],
    "pl.DataFrame({'name': ['a', 'c'], 'type': ['b', None]})",
  );
  assertEquals(inserted, null);
});

step("deletes rows by where, and all of them only when it says so", async ({ meter }) => {
  const remove = (...args: readonly unknown[]) => meter.rpc("delete_keyed", args);
  const left = async (): Promise<unknown> => {
    const frame = await meter.rpc("query_keyed", [{ cols: "name", order: "name" }]);
    return (frame as { $frame: { name: unknown } }).$frame.name;
  };
  assertEquals(await remove(), null);
  const rows = keyed("['a', 'b', 'c', 'd']", "[1, 2, 3, 4]", "[None] * 4");
  await meter.publish("keyed", [frameOf(rows)]);
  assertEquals(await remove({ where: "value > 3" }), null);
  assertEquals(await left(), ["a", "b", "c"]);
  assertEquals(await remove({ where: "name = ?", params: ["c"] }), null);
  assertEquals(await left(), ["a", "b"]);
  for (const args of [[], [null], [{}]]) {
    await assertRejects(
      () => remove(...args),
      PythonError,
      'Cannot delete all rows of "keyed": expected "where", or {all: true} if that is meant',
    );
  }
  await assertRejects(() => remove({ wher: "value > 0" }), PythonError, "invalid keys: wher");
  await assertRejects(() => remove({ where: "valve > 0" }), PythonError, "valve");
  // Neither a call that failed nor a publication on the name of the service deletes.
  await meter.publish("delete_keyed", [{ all: true }], { qos: 1 });
  assertEquals(await left(), ["a", "b"]);
  assertEquals(await remove({ all: true }), null);
  assertEquals(await left(), []);
  assertEquals(await remove({}), null);
});

step("stores sequences, maps and frames that fit, and no others", async ({ bus, meter }) => {
  const deadBefore = await deadLetters(bus);
  const good = "pl.DataFrame({'name': ['f'], 'type': ['t'], 'tinteger': [7], 'tdouble': [0.5], " +
    "'more': ['is dropped']})";
  await meter.publish("topic1", ["s", "t", 1, 2.5], { qos: 2, slot: 900 });
  await meter.publish("topic1", [{ name: "m", unknown: "is ignored" }], { qos: 1 });
  await meter.publish("v/w/topic1", [{ tdouble: 1, name: "the topic wins" }]);
  await meter.publish("topic1", [frameOf(good)], { qos: 1 });
  await meter.publish("topic1", [frameOf(`${good}.clear()`)], { qos: 1 });
  const panda = "pd.DataFrame({'name': ['p'], 'type': ['t'], 'tinteger': [8], 'tdouble': [1.5]}, " +
    "index=['i'])";
  await meter.publish("topic1", [frameOf(panda)], { qos: 1 });
  for (
    const args of [
      ["too", "few"],
      [{ type: "no name" }],
      [{ x: 1 }],
      [frameOf("pl.DataFrame({'name': ['f'], 'type': ['t']})")],
      ["a text"],
      [frameOf(good), "and more"],
    ]
  ) await meter.publish("topic1", args, { qos: 1 });
  await meter.publish("v/topic1", [{ name: "no such level" }], { qos: 1 });
  const difference = await meter.differs(
    "query_topic1",
    [{
      cols: "name, type, tinteger, tdouble, bucket",
      order: "ts",
    }],
    "pl.DataFrame({'name': ['s', 'm', 'v', 'f', 'p'], 'type': ['t', None, 'w', 't', 't'], " +
      "'tinteger': pl.Series([1, 5, 5, 7, 8], dtype=pl.Int32), " +
      "'tdouble': [2.5, None, 1.0, 0.5, 1.5], " +
      "'bucket': pl.Series([900, None, None, None, None], dtype=pl.UInt32)})",
  );
  assertEquals(difference, null);

  const frames = [
    keyed("['k', 'l', 'k']", "[1, 2, 3]", "['x', 'y', 'z']"),
    keyed("['l', 'm']", "[None, 4]", "['v', None]"),
  ];
  for (const frame of frames) await meter.publish("keyed", [frameOf(frame)], { qos: 2 });
  const rows = keyed("['k', 'l', 'm']", "[3, None, 4]", "['z', 'v', None]");
  assertEquals(await meter.differs("query_keyed", [KEYED], rows), null);
  assertEquals(await deadLetters(bus) - deadBefore, 6);
});

step("gets rows in place of a frame when it speaks JSON, as ours does", async (
  { bus, python, meter },
) => {
  const rows = keyed("['ä', 'b']", "[2**53 + 1, None]", "['x', None]");
  await meter.publish("keyed", [frameOf(rows)]);
  await using theirs = await python.connect({ url: `${bus.node.url}/json`, encoding: "json" });
  assertEquals(await theirs.rpc("query_keyed", [KEYED]), [
    { name: "b", value: null, note: null },
    { name: "ä", value: { $bigint: "9007199254740993" }, note: "x" },
  ]);
  const ours = await bus.connect("ours", "json");
  assertEquals(await ours.rpc("query_keyed", KEYED), [
    { name: "b", value: null, note: null },
    { name: "ä", value: 2n ** 53n + 1n, note: "x" },
  ]);
  // What JSON can say fills tables and changes them, too.
  await theirs.publish("keyed", [[{ name: "c", value: 1 }, { name: "d" }]], { qos: 1 });
  assertEquals(await theirs.rpc("upsert_keyed", [{ name: "d", value: 2.0 }]), null);
  assertEquals(await theirs.rpc("delete_keyed", [{ where: "name not in ('c', 'd')" }]), null);
  const left = keyed("['c', 'd']", "[1, 2]", "['new', 'new']");
  assertEquals(await meter.differs("query_keyed", [KEYED], left), null);
  await assertRejects(
    () => theirs.rpc("query_keyed", [{ wher: "" }]),
    PythonError,
    "invalid keys: wher",
  );
});

/** How many messages became dead letters so far. */
async function deadLetters({ node }: LakeBus): Promise<number> {
  return (await node.rpc("query___tables") as { dead_letters: number }).dead_letters;
}

/** A time as the broker's zone writes it, without parts of a second. */
function localText(ms: number): string {
  const date = new Date(ms);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
    `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** DuckLake is otherwise left alone for a second between two changes, of which the steps make many. */
async function settleOften(directory: string): Promise<void> {
  await Deno.mkdir(`${directory}/broker`);
  await Deno.writeTextFile(
    `${directory}/broker/settings.json`,
    JSON.stringify({ archiver_interval: 0.02 }),
  );
}

/** Runs all steps; with the interpreter and the storage that they need. */
async function runSteps(
  context: Deno.TestContext,
  interpreter: string,
  storage: Stage["storage"],
): Promise<void> {
  await using directory = await temporaryDirectory();
  await settleOften(directory.path);
  const disk = { kind: "disk", directory: directory.path, name: "broker", storage } as const;
  const [started, bus] = await Promise.all([
    TablePython.start(interpreter),
    LakeBus.start({ directory: directory.path, disk }, { schema: SCHEMA }),
  ]);
  await using python = started;
  await using _bus = bus;
  await using meter = await python.connect({ url: `${bus.node.url}/meter` });
  for (const [name, run] of steps) {
    await context.step({
      name,
      async fn() {
        for (const { table } of SCHEMA.tables) {
          await bus.node.rpc(`delete_${table}`, { all: true });
        }
        await run({ bus, python, meter, storage });
      },
      // The process is read from step to step; the test around them sees that all of it ends.
      sanitizeOps: false,
      sanitizeResources: false,
    });
  }
}

function register(need: Need<string>, name: string, storage: Stage["storage"]): void {
  const { found } = need;
  if (found === null) testNeeding(need, name, () => Promise.resolve());
  else Deno.test(name, (context) => runSteps(context, found, storage));
}

const NAME = "python client publishes to tables, queries, upserts and deletes";
register(PYTHON, `${NAME} (native)`, "native");
register(
  EXTENSIONS.found === null ? { ...EXTENSIONS, found: null } : PYTHON,
  `${NAME} (DuckLake)`,
  "ducklake",
);
