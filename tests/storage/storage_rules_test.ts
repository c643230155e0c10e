import { assert, assertEquals, assertRejects } from "@std/assert";
import type { AuditEntry } from "../../src/broker/audit.ts";
import { RembusError } from "../../src/protocol/errors.ts";
import { openStorage } from "../../src/store/open_storage.ts";
import { NotingLogger } from "../helpers/noting_logger.ts";
import { openReadme, temporaryDirectory } from "../helpers/store.ts";

const SECRET = { kind: "secret", bytes: new TextEncoder().encode("s3cret") } as const;
const ENTRY: AuditEntry = {
  timeMs: 1,
  by: "boss",
  remote: "127.0.0.1:5012",
  action: "add_admin",
  subject: null,
  cid: "ada",
  outcome: "done",
  reason: null,
};

Deno.test("openStorage() has keys, admins, tenants and the audit trail of a broker", async () => {
  await using directory = await temporaryDirectory();
  const place = { dir: directory.path, name: "broker" };
  {
    await using storage = await openStorage(place);
    assertEquals([storage.keys.names(), storage.tables], [[], []]);
    assertEquals(storage.tableOf("sensor"), null);
    assert(await storage.keys.put("plant/ada.acme", SECRET));
    storage.state.put({ kind: "admins", names: ["plant/ada.acme"] });
    storage.state.put({ kind: "tenants", tenants: [{ tenant: "acme", secret: "1234" }] });
    await storage.state.committed();
    storage.audit(ENTRY);
  }
  assertEquals(
    await Deno.readTextFile(`${directory.path}/broker/audit.log`),
    `${JSON.stringify(ENTRY)}\n`,
  );
  await using storage = await openStorage(place);
  assertEquals(await storage.keys.get("plant/ada.acme"), SECRET);
  assertEquals(storage.state.remembered.admins, ["plant/ada.acme"]);
  assertEquals(storage.state.remembered.tenants, [{ tenant: "acme", secret: "1234" }]);
});

Deno.test("openStorage() tells which table a topic fills", async () => {
  await using directory = await temporaryDirectory();
  await using storage = await openReadme(directory.path);
  assertEquals(storage.tables.map(({ name }) => name).toSorted(), ["sensor", "telemetry"]);
  assertEquals(storage.tables.find(({ name }) => name === "telemetry")?.topic, ":dn/telemetry");
  assertEquals(storage.tableOf("a.b/telemetry"), "telemetry");
  assertEquals(storage.tableOf("site/HVAC/dn/sensor"), "sensor");
  assertEquals([storage.tableOf("a/b/telemetry"), storage.tableOf("other")], [null, null]);
});

Deno.test("a directory of keys that cannot be read stops the start, and everything is closed", async () => {
  await using directory = await temporaryDirectory();
  const place = { dir: directory.path, name: "broker" };
  const path = `${directory.path}/broker/keys`;
  await Deno.mkdir(path, { recursive: true });
  // A directory that is listed as itself without an end; only a link can be made so everywhere.
  await Deno.remove(path);
  await Deno.symlink(path, path);
  const logger = new NotingLogger();
  const opening = () => openStorage({ ...place, logger });
  await assertRejects(opening, RembusError, "Cannot read the registered names");
  assert(logger.events.includes("error keys failed"));
  await Deno.remove(path);
  await using storage = await openStorage(place);
  assertEquals(storage.keys.names(), []);
});
