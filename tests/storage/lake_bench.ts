// How fast messages become rows, frames become rows, and rows become frames:
//   deno run -A tests/storage/lake_bench.ts
import { tableFromArrays, tableToIPC } from "npm:@uwdata/flechette@2.6.0";
import { checkSchema } from "../../src/lake/schema.ts";
import { temporaryDirectory } from "../helpers/lake_directory.ts";
import { command, frameValue, publication, README_SCHEMA } from "../helpers/lake_schema.ts";
import { openStore } from "../helpers/lake_store.ts";

const MESSAGES = 200_000;
const FRAME_ROWS = 1_000_000;

function report(what: string, count: number, ms: number): void {
  const rate = Math.round(count / ms * 1_000).toLocaleString("en");
  const rss = Math.round(Deno.memoryUsage().rss / 2 ** 20);
  Deno.stdout.writeSync(
    new TextEncoder().encode(`${what.padEnd(52)} ${rate.padStart(12)} /s   ${rss} MiB\n`),
  );
}

async function timed(what: string, count: number, work: () => Promise<unknown>): Promise<void> {
  const from = performance.now();
  await work();
  report(what, count, performance.now() - from);
}

await using directory = await temporaryDirectory();
const schema = checkSchema(README_SCHEMA);
await using opened = await openStore(schema, {
  storage: { kind: "disk", directory: directory.path, name: "bench", storage: "native" },
});
const { ingest } = opened;
let offset = 0;

for (const size of [100, 1_000, 10_000]) {
  const records = Array.from(
    { length: MESSAGES },
    (_, i) => publication(offset + i, `d${i % 100}/telemetry`, [{ temperature: i, pressure: -i }]),
  );
  await timed(`messages to an append table, ${size} per transaction`, MESSAGES, async () => {
    for (let at = 0; at < MESSAGES; at += size) {
      await ingest.apply(records.slice(at, at + size), offset += Math.min(size, MESSAGES - at));
    }
  });
}

const keyed = Array.from(
  { length: MESSAGES },
  (_, i) => publication(offset + i, `site/type/d${i % 10_000}/sensor`, []),
);
await timed(
  "messages to a keyed table, 10,000 keys",
  MESSAGES,
  () => ingest.apply(keyed, offset += MESSAGES),
);

const frame = tableToIPC(
  tableFromArrays({
    dn: Array.from({ length: FRAME_ROWS }, (_, i) => `device${i % 1_000}`),
    temperature: Float64Array.from({ length: FRAME_ROWS }, (_, i) => i),
    pressure: Float64Array.from({ length: FRAME_ROWS }, (_, i) => -i),
  }),
  { format: "stream" },
);
const record = publication(offset, "telemetry", [frameValue(frame ?? new Uint8Array())]);
await timed("rows of one frame stored", FRAME_ROWS, () => ingest.apply([record], ++offset));
await timed(
  "rows queried as one frame",
  FRAME_ROWS,
  () => opened.bytes("telemetry", [{ where: "dn LIKE 'device%'" }]),
);
const asked = 200;
await timed("small queries", asked, async () => {
  for (let i = 0; i < asked; i++) await opened.bytes("sensor", [{ where: `dn = 'd${i}'` }]);
});
await timed(
  "rows deleted by condition",
  FRAME_ROWS,
  () =>
    ingest.apply([command(offset, "delete_telemetry", [{ where: "dn LIKE 'device%'" }])], ++offset),
);
