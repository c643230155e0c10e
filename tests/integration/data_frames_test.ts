// Goal: tables travel as values: published, passed, returned and received, between components and a broker's
// own handle, in both encodings. Method: a broker over memory links.

import { assert, assertEquals, assertRejects } from "@std/assert";
import { tableFromArrays } from "npm:apache-arrow@21";
import { DataFrame, MethodExceptionError } from "../../client.ts";
import { tableFromArrays as flechetteFromArrays } from "npm:@uwdata/flechette@2.6.0";
import { JSON_FRAME_CELLS_MAX } from "../../src/broker/limits.ts";
import { eventually } from "../helpers/eventually.ts";
import { startHarness } from "../helpers/harness.ts";

const CELL = { transport: "memory", encoding: "cbor" } as const;
const ROWS = [{ a: 1, b: "x" }, { a: 2.5, b: null }];
const COLUMNS = { a: [1, 2.5], b: ["x", null] };

const SOURCES: readonly (readonly [string, () => unknown])[] = [
  ["a frame", () => DataFrame.fromColumns(COLUMNS)],
  ["a table of apache-arrow", () => tableFromArrays(COLUMNS)],
  ["a table of flechette", () => flechetteFromArrays(COLUMNS)],
];

for (const [what, make] of SOURCES) {
  Deno.test(`${what} is published, passed and returned as a frame`, async () => {
    await using h = await startHarness(CELL);
    const got = Promise.withResolvers<unknown[]>();
    const sub = await h.connect("sub");
    await sub.subscribe("t", (...args: unknown[]) => got.resolve(args));
    await sub.expose("echo", (value: unknown) => value);
    await sub.expose("make", make);
    await sub.expose("pair", () => [make(), 1]);
    const cli = await h.connect("cli");
    await cli.publish("t", make(), 5);
    const [published, five] = await got.promise;
    assertEquals([(published as DataFrame).rows(), five], [ROWS, 5]);
    assertEquals((await cli.rpc("echo", make()) as DataFrame).rows(), ROWS);
    assertEquals((await cli.rpc("make") as DataFrame).rows(), ROWS);
    assertEquals((await cli.direct("sub", "make") as DataFrame).rows(), ROWS);
    const [first, second] = await cli.rpc("pair") as [DataFrame, number];
    assertEquals([first.rows(), second], [ROWS, 1]);
  });
}

Deno.test("a frame of QoS 2 reaches a loop over messages", async () => {
  await using h = await startHarness(CELL);
  const sub = await h.connect("sub");
  await using messages = sub.messages("**");
  await (await h.connect("cli")).with({ qos: 2 }).publish("a/b", tableFromArrays(COLUMNS));
  const { value } = await messages.next();
  assertEquals((value?.data as DataFrame).rows(), ROWS);
});

Deno.test("a component that speaks JSON sends and receives rows", async () => {
  await using h = await startHarness(CELL);
  const json = await h.connect("json", { encoding: "json" });
  const cbor = await h.connect("cbor");
  await json.expose("table", () => DataFrame.fromColumns(COLUMNS));
  assertEquals(await cbor.rpc("table"), ROWS);
  await cbor.expose("first", (value: unknown) => value);
  assertEquals(await json.rpc("first", tableFromArrays(COLUMNS)), ROWS);
  await cbor.expose("frame", () => DataFrame.fromColumns(COLUMNS));
  assertEquals(await json.rpc("frame"), ROWS);
  const got = Promise.withResolvers<unknown>();
  await json.subscribe("t", (value: unknown) => got.resolve(value));
  await cbor.publish("t", DataFrame.fromColumns(COLUMNS));
  assertEquals(await got.promise, ROWS);
});

Deno.test("a frame that is damaged or too large for JSON disturbs nobody but its JSON receiver", async () => {
  await using h = await startHarness(CELL);
  const json = await h.connect("json", { encoding: "json" });
  const cbor = await h.connect("cbor");
  const other = await h.connect("other");
  const got: { json: unknown[]; other: unknown[] } = { json: [], other: [] };
  await json.subscribe("t", (value: unknown) => void got.json.push(value));
  await other.subscribe("t", (value: unknown) => void got.other.push(value));
  const large = DataFrame.fromColumns({ n: new Float64Array(JSON_FRAME_CELLS_MAX + 1) });
  const frames = [new DataFrame(new Uint8Array([1])), large];
  for (const frame of frames) await cbor.with({ qos: 1 }).publish("t", frame);
  await cbor.with({ qos: 1 }).publish("t", "after");
  await eventually(() => assertEquals([got.json, got.other.length], [["after"], 3]));
  assertEquals(h.broker.counters.deadLetters, 2);
  await cbor.expose("large", () => large);
  const error = await assertRejects(() => json.rpc("large"), MethodExceptionError);
  assert(error.message.includes("ask for it in parts"), error.message);
});

Deno.test("a service that returns a table that peers cannot read is answered with 40", async () => {
  await using h = await startHarness(CELL);
  const json = await h.connect("json", { encoding: "json" });
  await json.expose("bad", () => new DataFrame(new Uint8Array([1])));
  const error = await assertRejects(
    async () => await (await h.connect("cli")).rpc("bad"),
    MethodExceptionError,
  );
  assert(error.message.includes("Cannot read the data frame"), error.message);
});
