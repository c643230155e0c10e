// Goal: every value that a program of ours may publish is one that rembus.python can read, and the
// other way round. A 0.8.12 client that meets a value it cannot decode receives nothing ever after.
import { assertEquals } from "@std/assert";
import { Float, Tagged } from "../../src/protocol/cbor.ts";
import { collect } from "../helpers/harness.ts";
import { eventually } from "../helpers/eventually.ts";
import { pythonForTests, pythonTest } from "../helpers/python.ts";
import { startOurBroker } from "./our_broker.ts";
import { startPythonClient } from "./python_peer.ts";

const python = await pythonForTests();

/** What our component publishes, and what python makes of it in the notation of `python/notation.py`. */
const TO_PYTHON: readonly {
  readonly name: string;
  readonly value: unknown;
  readonly read: unknown;
}[] = [
  { name: "null", value: null, read: null },
  { name: "booleans", value: [true, false], read: [true, false] },
  { name: "undefined", value: undefined, read: { $other: "undefined" } },
  { name: "milliseconds since 1970", value: 1_790_000_000_000, read: 1_790_000_000_000 },
  { name: "a negative integer", value: -(2 ** 40), read: -(2 ** 40) },
  {
    name: "an integer of 64 bits",
    value: 2n ** 64n - 1n,
    read: { $bigint: "18446744073709551615" },
  },
  {
    name: "an integer beyond 64 bits",
    value: -(2n ** 70n),
    read: { $bigint: String(-(2n ** 70n)) },
  },
  { name: "a small bigint", value: 5n, read: 5 },
  { name: "a fraction", value: 0.1, read: 0.1 },
  {
    name: "infinities",
    value: [Infinity, -Infinity],
    read: [{ $float: "inf" }, { $float: "-inf" }],
  },
  { name: "not a number", value: NaN, read: { $float: "nan" } },
  { name: "a whole float", value: new Float(2), read: 2 },
  { name: "minus zero", value: -0, read: -0 },
  { name: "a number beyond 2^53", value: 2 ** 60, read: 2 ** 60 },
  { name: "a text of every plane", value: "ä☀😀\u0000", read: "ä☀😀\u0000" },
  { name: "a lone surrogate", value: "\ud800", read: "\ufffd" },
  { name: "bytes", value: Uint8Array.of(0, 255), read: { $bytes: "00ff" } },
  { name: "no bytes", value: new Uint8Array(), read: { $bytes: "" } },
  {
    name: "a view of other numbers",
    value: new Uint16Array([0x0102]),
    read: { $bytes: "0201" },
  },
  {
    name: "a date",
    value: new Date("2026-09-21T13:26:40.123Z"),
    read: { $date: "2026-09-21T13:26:40.123000+00:00" },
  },
  {
    name: "a date before 1970",
    value: new Date(-1),
    read: { $date: "1969-12-31T23:59:59.999000+00:00" },
  },
  {
    name: "a nested map",
    value: { a: { b: [1, { c: null }] } },
    read: { a: { b: [1, { c: null }] } },
  },
  { name: "an empty map and list", value: [{}, []], read: [{}, []] },
  { name: "a map with other keys", value: new Map([[1, "x"]]), read: { "1": "x" } },
  {
    name: "a member called __proto__",
    value: JSON.parse('{"__proto__": 1}'),
    read: { ["__proto__"]: 1 },
  },
];

pythonTest(
  python,
  "python client reads every kind of value that our component publishes",
  async (python) => {
    await using ours = await startOurBroker();
    await using client = await startPythonClient({ python, url: `${ours.url}/python` });
    const deno = await ours.connect("deno");
    await client.subscribe("values");
    for (const { name, value } of TO_PYTHON) {
      await deno.with({ qos: 1 }).publish("values", name, value);
    }
    const received = await client.collect("values", TO_PYTHON.length);
    for (const [index, { name, read }] of TO_PYTHON.entries()) {
      assertEquals(received[index], [name, read]);
    }
    assertEquals(received.length, TO_PYTHON.length);
  },
);

pythonTest(
  python,
  "python client answers with the values that it was called with",
  async (python) => {
    await using ours = await startOurBroker();
    await using client = await startPythonClient({ python, url: `${ours.url}/python` });
    const deno = await ours.connect("deno");
    await client.expose("echo", "echo");
    const same: readonly unknown[] = [
      null,
      true,
      1_790_000_000_000,
      0.1,
      2n ** 70n,
      2n ** 63n,
      "ä☀😀",
      Uint8Array.of(1, 2),
      { a: [1, { b: "c" }] },
      [],
      new Date("2026-09-21T13:26:40Z"),
    ];
    for (const value of same) assertEquals(await deno.rpc("echo", value), value);
    // Python has no `undefined` of its own and knows no tag 4711: neither may break it.
    assertEquals(await deno.rpc("echo", undefined), undefined);
    assertEquals(await deno.rpc("echo", new Tagged(4711, "x")), new Tagged(4711, "x"));
  },
);

pythonTest(python, "python client publishes values that our component reads", async (python) => {
  await using ours = await startOurBroker();
  await using client = await startPythonClient({ python, url: `${ours.url}/python` });
  const deno = await ours.connect("deno");
  const received = await collect(deno, "values");
  await client.publish("values", [
    null,
    { $bigint: "18446744073709551616" },
    { $bigint: "9007199254740993" },
    -1,
    1.5,
    { $float: "inf" },
    { $float: "nan" },
    { $bytes: "00ff" },
    { text: "ä", list: [1, [2]] },
  ], { qos: 2 });
  await client.publish("values", []);
  await eventually(() => assertEquals(received.length, 2));
  assertEquals(received, [[
    null,
    2n ** 64n,
    2n ** 53n + 1n,
    -1,
    1.5,
    Infinity,
    NaN,
    Uint8Array.of(0, 255),
    { text: "ä", list: [1, [2]] },
  ], []]);
});
