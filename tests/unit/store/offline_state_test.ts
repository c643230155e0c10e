import {
  assert,
  assertEquals,
  assertFalse,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { RembusError } from "../../../src/protocol/errors.ts";
import { StateError } from "../../../src/state/errors.ts";
import { openStateStore } from "../../../src/state/open_state_store.ts";
import { openOffline } from "../../../src/store/offline_state.ts";
import { openStorage } from "../../../src/store/open_storage.ts";
import { temporaryDirectory } from "../../helpers/lake_directory.ts";

const SECRET = { kind: "secret", bytes: new TextEncoder().encode("s3cret") } as const;

Deno.test("openOffline() changes rules and keys that the broker has at its next start", async () => {
  await using directory = await temporaryDirectory();
  const place = { dir: directory.path, name: "broker" };
  {
    await using offline = await openOffline(place);
    const { admins, tenants, privateTopics, keys } = offline;
    assertEquals([admins, tenants, privateTopics, keys.names()], [[], [], [], []]);
    await offline.put({ kind: "admins", names: ["ada"] });
    await offline.put({ kind: "tenants", tenants: [{ tenant: "acme", secret: "1234" }] });
    await offline.put({ kind: "private", topic: "town/*", names: ["ada"] });
    await offline.put({ kind: "private", topic: "gone", names: [] });
    await offline.put({ kind: "public", topic: "gone" });
    assert(await keys.put("ada", SECRET));
    assertEquals(offline.admins, ["ada"]);
    assertEquals(offline.tenants, [{ tenant: "acme", secret: "1234" }]);
    assertEquals(offline.privateTopics, [{ topic: "town/*", names: ["ada"] }]);
    offline.audit({
      timeMs: 1,
      by: "operator",
      remote: "",
      action: "add_admin",
      subject: null,
      cid: "ada",
      outcome: "done",
      reason: null,
    });
  }
  assertStringIncludes(await Deno.readTextFile(`${directory.path}/broker/audit.log`), "add_admin");
  await using storage = await openStorage(place);
  const { admins, tenants, privateTopics } = storage.state.remembered;
  assertEquals(admins, ["ada"]);
  assertEquals(tenants, [{ tenant: "acme", secret: "1234" }]);
  assertEquals(privateTopics, [{ topic: "town/*", names: ["ada"] }]);
  assertEquals(await storage.keys.get("ada"), SECRET);
});

Deno.test("openOffline() refuses a broker that runs, and one that runs is not started meanwhile", async () => {
  await using directory = await temporaryDirectory();
  const place = { dir: directory.path, name: "broker" };
  {
    await using _storage = await openStorage(place);
    const error = await assertRejects(() => openOffline(place), RembusError);
    assertStringIncludes(error.message, 'Cannot change broker "broker"');
    assertStringIncludes(error.message, "Stop it");
  }
  const offline = await openOffline(place);
  await assertRejects(() => openOffline(place), RembusError, "Stop it");
  await assertRejects(() => openStorage(place), RembusError, "another process");
  await offline.close();
  await offline.close();
  await using _storage = await openStorage(place);
});

Deno.test("openOffline() touches no path for a name that no broker can have", async () => {
  await using directory = await temporaryDirectory();
  for (const name of ["", "..", "../evil", "repl"]) {
    await assertRejects(
      () => openOffline({ dir: `${directory.path}/dir`, name }),
      TypeError,
      "Cannot change broker",
    );
  }
  assertEquals(await Array.fromAsync(Deno.readDir(directory.path)), []);
});

Deno.test("openOffline() gives the lock back when the state or the keys cannot be opened", async () => {
  await using directory = await temporaryDirectory();
  const place = { dir: directory.path, name: "broker" };
  const path = `${directory.path}/broker`;
  await Deno.mkdir(path);
  await Deno.writeTextFile(`${path}/state.db`, "no database at all, but long enough to be read");
  await assertRejects(() => openOffline(place), StateError, "damaged");
  await Deno.remove(`${path}/state.db`);
  await Deno.writeTextFile(`${path}/keys`, "a file");
  await assertRejects(() => openOffline(place), RembusError, "Cannot read the registered names");
  await Deno.remove(`${path}/keys`);
  await using offline = await openOffline(place);
  assert(await offline.keys.put("ada", SECRET));
});

Deno.test("openOffline() leaves what a broker remembers of its components", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/broker/state.db`;
  {
    await using state = openStateStore({ path });
    state.put({ kind: "exposed", name: "adder", topic: "add" });
    state.put({ kind: "admins", names: ["ada"] });
  }
  {
    await using offline = await openOffline({ dir: directory.path, name: "broker" });
    await offline.put({ kind: "admins", names: [...offline.admins, "bob"] });
  }
  await using state = openStateStore({ path });
  assertEquals(state.remembered.components.map(({ services }) => services), [["add"]]);
  assertEquals(state.remembered.admins, ["ada", "bob"]);
  assertFalse(state.logId !== null);
});
