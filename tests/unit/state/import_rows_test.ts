import { assertEquals } from "@std/assert";
import type { SourceRows } from "../../../src/state/import_message.ts";
import { tableItems, toState } from "../../../src/state/import_rows.ts";

const NONE: SourceRows = {
  components: [],
  subscribers: [],
  exposers: [],
  marks: [],
  admins: [],
  topicAuth: [],
  tenants: [],
  messages: 0,
};
const NOW_MS = 1_000_000;
const UUID = "0b5b5f34-9a2e-4f0e-8d2b-6f1f0c0d3a11";

function convert(rows: Partial<SourceRows>) {
  return toState({ ...NONE, ...rows }, { name: "broker", nowMs: NOW_MS });
}

function itemOf(rows: Partial<SourceRows>, kind: string) {
  const item = convert(rows).items.find((one) => one.kind === kind);
  return [item?.taken, item?.skipped];
}

Deno.test("toState() remembers who subscribed and exposed, the oldest mark first", () => {
  const { changes } = convert({
    subscribers: [
      { twin: "late", topic: "town/*", msgFrom: "inf" },
      { twin: "late", topic: "alarm", msgFrom: "900000000.0" },
    ],
    exposers: [{ twin: "early", topic: "add" }, { twin: "new", topic: "add" }],
    marks: [
      { twin: "late", mark: "1790000000000000001" },
      { twin: "early", mark: "1790000000000000000" },
    ],
  });
  const from = { mark: 0, seen: 0, until: 0 };
  assertEquals(changes, [
    { kind: "seen", name: "new", atMs: NOW_MS - 2 },
    { kind: "exposed", name: "new", topic: "add" },
    { kind: "seen", name: "early", atMs: NOW_MS - 1 },
    { kind: "exposed", name: "early", topic: "add" },
    { kind: "seen", name: "late", atMs: NOW_MS },
    {
      kind: "subscribed",
      name: "late",
      subscription: { topic: "town/*", msgFrom: Infinity, ...from },
    },
    {
      kind: "subscribed",
      name: "late",
      subscription: { topic: "alarm", msgFrom: 900_000_000, ...from },
    },
  ]);
});

for (
  const [text, msgFrom] of [
    ["inf", Infinity],
    ["Infinity", Infinity],
    ["0.0", 0],
    ["1e+18", 1e18],
    ["-inf", 0],
    ["-1.0", 0],
    ["nan", 0],
    [null, 0],
  ] as const
) {
  Deno.test(`toState() reads a msg_from of ${text} as ${msgFrom}`, () => {
    const { changes } = convert({ subscribers: [{ twin: "a", topic: "t", msgFrom: text }] });
    const change = changes[1];
    assertEquals(change?.kind === "subscribed" && change.subscription.msgFrom, msgFrom);
  });
}

for (
  const [twin, reason] of [
    ["repl", "are of the broker itself"],
    ["broker", "are of the broker itself"],
    [UUID, "are of anonymous components"],
    ["a b", "have a name that cannot be used any more"],
    ["../x", "have a name that cannot be used any more"],
    ["", "have a name that cannot be used any more"],
  ] as const
) {
  Deno.test(`toState() leaves what is of "${twin}"`, () => {
    const skipped = [{ count: 1, reason }];
    const rows = [{ twin, topic: "t" }];
    assertEquals(itemOf({ exposers: rows }, "services"), [0, skipped]);
    assertEquals(itemOf({ subscribers: [{ twin, topic: "t", msgFrom: null }] }, "subscriptions"), [
      0,
      skipped,
    ]);
    assertEquals(itemOf({ components: [{ twin }] }, "components"), [0, skipped]);
    assertEquals(itemOf({ admins: [{ twin }] }, "admins"), [0, skipped]);
    assertEquals(convert({ exposers: rows, admins: [{ twin }] }).changes, []);
  });
}

Deno.test("toState() leaves topics that cannot be used", () => {
  const topics = ["__gate__", "", "x".repeat(2_000), "ok"];
  assertEquals(
    itemOf({ exposers: topics.map((topic) => ({ twin: "a", topic })) }, "services"),
    [1, [
      { count: 1, reason: "are for topics that begin with __, which are reserved" },
      { count: 2, reason: "are for topics that cannot be used any more" },
    ]],
  );
});

Deno.test("toState() takes what is there twice once, the last subscription counts", () => {
  const subscribers = ["1.0", "2.0"].map((msgFrom) => ({ twin: "a", topic: "t", msgFrom }));
  assertEquals(itemOf({ subscribers }, "subscriptions"), [1, [
    { count: 1, reason: "are there twice" },
  ]]);
  const change = convert({ subscribers }).changes[1];
  assertEquals(change?.kind === "subscribed" && change.subscription.msgFrom, 2);
});

Deno.test("toState() takes admins, tenants and private topics over", () => {
  const { changes } = convert({
    admins: [{ twin: "root" }, { twin: null }, { twin: "root" }],
    tenants: [{ tenant: ".", secret: "1" }, { tenant: "acme", secret: "2" }],
    topicAuth: [
      { twin: "a", topic: "secret" },
      { twin: "b", topic: "secret" },
      { twin: "repl", topic: "lonely" },
    ],
  });
  assertEquals(changes, [
    { kind: "private", topic: "secret", names: ["a", "b"] },
    { kind: "private", topic: "lonely", names: [] },
    { kind: "admins", names: ["root"] },
    {
      kind: "tenants",
      tenants: [{ tenant: ".", secret: "1" }, { tenant: "acme", secret: "2" }],
    },
  ]);
});

Deno.test("tableItems() counts rows and says what stays behind", () => {
  const tables = [
    { table: "sensor", rows: 3, isCopied: true },
    { table: "__x", rows: 2, isCopied: false },
  ];
  assertEquals(tableItems(tables, 7), [
    { kind: 'table "sensor"', taken: 3, skipped: [] },
    {
      kind: 'table "__x"',
      taken: 0,
      skipped: [{
        count: 2,
        reason: "are in a table whose name begins with __, which is for tables of the broker",
      }],
    },
    {
      kind: "messages",
      taken: 0,
      skipped: [{ count: 7, reason: "stay where they are: the new log begins empty" }],
    },
  ]);
});
