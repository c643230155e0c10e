// The choice of storage is recorded and never silently changed: a start that cannot honour it fails with what to do.
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { RembusError } from "../../src/protocol/errors.ts";
import { EXTENSIONS } from "../helpers/lake_extensions.ts";
import { LakeBus, type LakeBusOptions, queryRows } from "../helpers/lake_bus.ts";
import { README_SCHEMA } from "../helpers/lake_schema.ts";
import { type StorageName, type StoragePlace, testOnStorages } from "../helpers/lake_storages.ts";
import { testNeeding } from "../helpers/needs.ts";
import { temporaryDirectory } from "../helpers/store.ts";

const SENSOR = { site: "mysite", type: "HVAC", dn: "d1" };

/** Another choice, and parts of the text of the error. */
type Refusal = readonly [options: LakeBusOptions, ...parts: string[]];

/** Fills a table, tries the other choices, and looks whether rows and record are as they were. */
async function refuses(place: StoragePlace, refusals: readonly Refusal[]): Promise<void> {
  const schema = README_SCHEMA;
  const record = () => Deno.readTextFile(`${place.directory}/broker.lake.json`);
  await using bus = await LakeBus.start(place, { schema });
  await (await bus.connect("meter")).with({ qos: 1 }).publish("mysite/HVAC/d1/sensor");
  assertEquals(await queryRows(bus.node, "sensor"), [SENSOR]);
  const before = await record();
  await bus[Symbol.asyncDispose]();
  for (const [options, ...parts] of refusals) {
    const error = await assertRejects(
      () => LakeBus.start(place, { schema, ...options }),
      RembusError,
    );
    for (const part of parts) assertStringIncludes(error.message, part);
    assertEquals(await record(), before);
  }
  // Whoever asks for nothing in particular gets what there is.
  await bus.restart({ schema, storage: "auto" });
  assertEquals(await queryRows(bus.node, "sensor"), [SENSOR]);
  assertEquals(await record(), before);
}

const NATIVE: readonly StorageName[] = ["native"];
testOnStorages(
  "a broker whose tables are native refuses to keep them in DuckLake",
  (place) =>
    refuses(place, [
      [{ storage: "ducklake" }, "kept as native", "broker.lake.json", "another directory or name"],
      [{ storage: "auto", ducklakeUrl: "ducklake:other.db" }, "kept as native"],
    ]),
  NATIVE,
);

const IN_DUCKLAKE: readonly StorageName[] = ["DuckLake"];
testOnStorages(
  "a broker whose tables are in DuckLake refuses any other storage",
  (place) =>
    refuses(place, [
      [{ storage: "native" }, "kept as ducklake", "another directory or name"],
      [
        { storage: "auto", ducklakeUrl: `ducklake:sqlite:${place.directory}/other.sqlite` },
        `kept in ${place.directory}/broker.ducklake`,
        "other.sqlite",
      ],
    ]),
  IN_DUCKLAKE,
);

testOnStorages(
  "a broker whose tables are in SQLite's catalog does not make another one",
  (place) =>
    refuses(place, [
      [{ storage: "auto", ducklakeUrl: "ducklake:sqlite:x" }, "kept in sqlite:", "sqlite:x"],
    ]),
  ["DuckLake in SQLite"],
);

testNeeding(
  EXTENSIONS,
  "a broker whose tables are in DuckLake does not start when its extension is gone, and names the variable",
  async (directory) => {
    await using temporary = await temporaryDirectory();
    const { path } = temporary;
    const place: StoragePlace = {
      directory: path,
      disk: { kind: "disk", directory: path, name: "broker", storage: "auto" },
    };
    const schema = README_SCHEMA;
    const settings = (extension_dir: string) =>
      Deno.writeTextFile(
        `${path}/broker/settings.json`,
        JSON.stringify({ extension_dir, download_extensions: false }),
      );
    await Deno.mkdir(`${path}/broker`);
    await settings(directory);
    await using bus = await LakeBus.start(place, { schema });
    assertEquals(bus.node.health.lake?.storage, "ducklake");
    await settings(`${path}/nothing`);
    await assertRejects(() => bus.restart(), RembusError, "REMBUS_EXTENSION_DIR");
    await settings(directory);
    await bus.restart();
    assertEquals(await queryRows(bus.node, "sensor"), []);
  },
);
