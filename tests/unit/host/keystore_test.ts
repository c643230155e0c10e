import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import {
  fileNames,
  initKeystore,
  isExposed,
  readKeystore,
  renewKeystore,
  trustAuthority,
} from "../../../src/host/keystore.ts";
import { RembusError } from "../../../src/protocol/errors.ts";

const NOW = new Date();
const FIRST = { force: false, subject: "test" } as const;

/** A directory that is not there yet, in one that is. */
async function place(): Promise<{ readonly dir: string } & AsyncDisposable> {
  const parent = await Deno.makeTempDir();
  return {
    dir: `${parent}/keystore`,
    [Symbol.asyncDispose]: () => Deno.remove(parent, { recursive: true }),
  };
}

function request(directory: string, names = ["localhost", "::1"]) {
  return { directory, names, days: 30, now: NOW };
}

Deno.test("initKeystore() makes files, and keys that only their owner can read", async () => {
  await using at = await place();
  const made = await initKeystore(request(at.dir), FIRST);
  assertEquals(await fileNames(at.dir), ["ca.crt", "ca.key", "rembus.crt", "rembus.key"]);
  const facts = await readKeystore(at.dir);
  assertEquals(facts?.certificate, made);
  assertEquals([facts?.isPair, facts?.exposed, facts?.authority?.subject], [true, [], "test"]);
  assertEquals(await isExposed(`${at.dir}/rembus.key`), false);
  assertEquals(await isExposed(`${at.dir}/rembus.crt`), true);
});

Deno.test("initKeystore() replaces nothing unless it is told to", async () => {
  await using at = await place();
  await initKeystore(request(at.dir), FIRST);
  const before = await Deno.readTextFile(`${at.dir}/rembus.key`);
  await assertRejects(() => initKeystore(request(at.dir), FIRST), RembusError, "--force");
  assertEquals(await Deno.readTextFile(`${at.dir}/rembus.key`), before);
  await initKeystore(request(at.dir), { ...FIRST, force: true });
  assertNotEquals(await Deno.readTextFile(`${at.dir}/rembus.key`), before);
});

Deno.test("renewKeystore() keeps authority and names, and makes a new key", async () => {
  await using at = await place();
  await initKeystore(request(at.dir), FIRST);
  const texts = () =>
    Promise.all(["ca.crt", "rembus.key"].map((name) => Deno.readTextFile(`${at.dir}/${name}`)));
  const [authority, key] = await texts();
  const renewed = await renewKeystore({ ...request(at.dir, []), days: 60 });
  assertEquals(renewed.names, ["localhost", "::1"]);
  const [sameAuthority, newKey] = await texts();
  assertEquals(sameAuthority, authority);
  assertNotEquals(newKey, key);
  assertEquals((await renewKeystore(request(at.dir, ["plant.example"]))).names, ["plant.example"]);
  assertEquals((await readKeystore(at.dir))?.isPair, true);
});

Deno.test("renewKeystore() needs the key of the authority", async () => {
  await using at = await place();
  await assertRejects(() => renewKeystore(request(at.dir)), RembusError, "keystore init");
  await initKeystore(request(at.dir), FIRST);
  await Deno.remove(`${at.dir}/ca.key`);
  await assertRejects(() => renewKeystore(request(at.dir)), RembusError, "ca.key");
});

Deno.test("readKeystore() tells of a key that does not fit, and of one that others can read", async () => {
  await using at = await place();
  assertEquals(await readKeystore(at.dir), null);
  await initKeystore(request(at.dir), FIRST);
  await Deno.copyFile(`${at.dir}/ca.key`, `${at.dir}/rembus.key`);
  assertEquals((await readKeystore(at.dir))?.isPair, false);
  await Deno.writeTextFile(`${at.dir}/rembus.key`, "text");
  assertEquals((await readKeystore(at.dir))?.isPair, false);
  if (Deno.build.os !== "windows") {
    await Deno.chmod(`${at.dir}/rembus.key`, 0o644);
    assertEquals((await readKeystore(at.dir))?.exposed, ["rembus.key"]);
  }
  await Deno.remove(`${at.dir}/rembus.key`);
  await assertRejects(() => readKeystore(at.dir), RembusError, "rembus.key");
});

Deno.test("trustAuthority() puts the authority where clients look, unless something else is there", async () => {
  await using at = await place();
  const clients = `${at.dir}/../ca`;
  const trust = () => trustAuthority({ directory: at.dir, clients, name: "rembus-ca.crt" });
  assertEquals(await trust(), null);
  await initKeystore(request(at.dir), FIRST);
  assertEquals(await trust(), `${clients}/rembus-ca.crt`);
  assertEquals(await trust(), `${clients}/rembus-ca.crt`);
  assertEquals(
    await Deno.readTextFile(`${clients}/rembus-ca.crt`),
    await Deno.readTextFile(`${at.dir}/ca.crt`),
  );
  await Deno.writeTextFile(`${clients}/other.crt`, "");
  assertEquals(await trust(), null);
});
