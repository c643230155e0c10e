/**
 * Tables by schema: what is published on their topics becomes rows, and services query, change and delete them.
 *
 *     deno run --allow-net --allow-read --allow-write --allow-run examples/tables.ts
 */
// deno-lint-ignore-file no-console -- an example prints what it shows
import { broker, component, DataFrame } from "../mod.ts";

const schema = {
  tables: [
    {
      table: "sensor", // with a key: one row for each name
      topic: ":site/:type/:dn/sensor",
      columns: [
        { col: "site", type: "TEXT", nullable: false },
        { col: "type", type: "TEXT", nullable: false },
        { col: "dn", type: "TEXT" },
      ],
      keys: ["dn"],
    },
    {
      table: "telemetry", // without: one row for each message
      topic: ":dn/telemetry",
      columns: [{ col: "dn", type: "TEXT" }, { col: "temperature", type: "DOUBLE" }],
      extras: { recv_ts: "ts" },
    },
  ],
};

const dir = await Deno.makeTempDir({ prefix: "rembus-example-" });
try {
  // Without `storage` it would be DuckLake, where that can be loaded.
  await using bus = await broker({ port: 0, dir, schema, storage: "native" });
  await using meter = await component(`${bus.url}/meter`);

  const rows = async (table: string, query: object = {}) => {
    const frame = await meter.rpc(`query_${table}`, query) as DataFrame;
    return frame.rows();
  };

  // The topic fills columns, a map the others; a frame on the name of the table is many rows at once.
  await meter.publish("mysite/HVAC/s1/sensor");
  await meter.publish("s1/telemetry", { temperature: 21.6 });
  await meter.publish(
    "telemetry",
    DataFrame.fromColumns({ dn: ["s1", "s2"], temperature: [22.5, null] }),
  );

  // A query sees everything that was published before it.
  console.log("sensor:", await rows("sensor"));
  console.log(
    "warm:",
    await rows("telemetry", { cols: "dn, temperature", where: "temperature > 22" }),
  );
  const mean = { cols: "avg(temperature) AS mean", where: "dn = $dn", params: { dn: "s1" } };
  console.log("mean of s1:", await rows("telemetry", mean));

  await meter.rpc("upsert_sensor", [
    { site: "mysite", type: "LIGHT", dn: "s1" }, // changes the row of s1
    { site: "mysite", type: "HVAC", dn: "s2" }, // a new one
  ]);
  console.log("after upsert:", await rows("sensor", { order: "dn" }));

  await meter.rpc("delete_telemetry", { where: { col: "temperature", op: "is null" } });
  console.log("after delete:", await rows("telemetry", { cols: "count(*) AS left" }));
} finally {
  await Deno.remove(dir, { recursive: true });
}
