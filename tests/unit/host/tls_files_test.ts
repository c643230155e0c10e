import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { keystorePaths, openTlsFiles } from "../../../src/host/tls_files.ts";
import { testAuthority, testKeystore, testLeaf } from "../../helpers/certificates.ts";

const CA = await testAuthority();
const LEAF = await testLeaf(CA);

Deno.test("keystorePaths() has the names of spec 4.5", () => {
  assertEquals(keystorePaths("/k"), { certificate: "/k/rembus.crt", key: "/k/rembus.key" });
});

Deno.test("openTlsFiles() gives the pair", async () => {
  await using store = await testKeystore(LEAF);
  assertEquals((await openTlsFiles(store.paths)).pair, LEAF);
});

Deno.test("openTlsFiles() names the file that is missing, and how to make one", async () => {
  await using store = await testKeystore(LEAF);
  await Deno.remove(store.paths.key);
  await assertRejects(() => openTlsFiles(store.paths), Error, `private key "${store.paths.key}"`);
  await Deno.remove(store.paths.certificate);
  await assertRejects(() => openTlsFiles(store.paths), Error, "rembus keystore init");
});

Deno.test("openTlsFiles() says which file is wrong, without what is in it", async () => {
  const cases = [
    [{ certificate: "nothing", key: LEAF.key }, 'rembus.crt": expected a certificate in PEM'],
    [{ certificate: LEAF.certificate, key: "nothing" }, 'rembus.key": expected a private key'],
    [{ certificate: LEAF.key, key: LEAF.key }, 'rembus.crt": expected a certificate in PEM'],
    [{ certificate: LEAF.certificate, key: CA.key }, "expected the one of certificate"],
    [{ certificate: LEAF.certificate.slice(0, 200), key: LEAF.key }, "rembus.crt"],
  ] as const;
  for (const [pair, says] of cases) {
    await using store = await testKeystore(pair);
    const error = await assertRejects(() => store.open(), Error, says);
    assertEquals(error.message.includes(LEAF.key.slice(60, 100)), false);
  }
});

Deno.test("stamp() changes with each of the files, and when one is missing", async () => {
  await using store = await testKeystore(LEAF);
  const files = await store.open();
  const stamps = [await files.stamp()];
  assertEquals(await files.stamp(), stamps[0]);
  await Deno.writeTextFile(store.paths.key, `${LEAF.key}\n`);
  stamps.push(await files.stamp());
  await Deno.remove(store.paths.certificate);
  stamps.push(await files.stamp());
  assertNotEquals(stamps[0], stamps[1]);
  assertNotEquals(stamps[1], stamps[2]);
  await assertRejects(() => files.read(), Error, "rembus.crt");
});
