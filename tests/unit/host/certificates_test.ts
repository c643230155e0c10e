import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  createAuthority,
  createLeaf,
  type KeyedCertificate,
  readCertificate,
} from "../../../src/host/certificates.ts";

const DAY_MS = 86_400_000;
const NOW = new Date("2026-01-31T12:00:00.500Z");

function authority(days = 3_650, now = NOW): Promise<KeyedCertificate> {
  return createAuthority({ subject: "Rembus authority of test", days, now });
}

Deno.test("createLeaf() makes a certificate for the names, signed by the authority", async () => {
  const signer = await authority();
  const names = ["plant.example", "*.plant.example", "192.0.2.7", "2001:db8::1"];
  const leaf = await createLeaf({ authority: signer, names, days: 825, now: NOW });
  assertEquals(await readCertificate(leaf.certificate), {
    subject: "plant.example",
    issuer: "Rembus authority of test",
    names,
    notBefore: new Date("2026-01-31T11:00:00Z"),
    notAfter: new Date(Date.parse("2026-01-31T11:00:00Z") + 825 * DAY_MS),
    isAuthority: false,
  });
  assert(leaf.certificate.endsWith(signer.certificate));
  const facts = await readCertificate(signer.certificate);
  assertEquals([facts.isAuthority, facts.names], [true, []]);
});

Deno.test("createLeaf() makes none that is good for longer than its authority", async () => {
  const signer = await authority(10);
  const leaf = await createLeaf({ authority: signer, names: ["a"], days: 20, now: NOW });
  assertEquals(
    (await readCertificate(leaf.certificate)).notAfter,
    (await readCertificate(signer.certificate)).notAfter,
  );
});

Deno.test("createLeaf() refuses what is no name, and who is no authority", async () => {
  const signer = await authority();
  const make = (names: string[], by = signer) =>
    createLeaf({ authority: by, names, days: 1, now: NOW });
  await assertRejects(() => make([]), TypeError, "expected names");
  await assertRejects(() => make(["a_b"]), TypeError, '"a_b"');
  const leaf = await make(["plant.example"]);
  await assertRejects(() => make(["b"], leaf), TypeError, "that of an authority");
});

Deno.test("createLeaf() takes a name that is too long for a common name", async () => {
  const name = `${"a".repeat(60)}.plant.example`;
  const leaf = await createLeaf({ authority: await authority(), names: [name], days: 1, now: NOW });
  const { subject, names } = await readCertificate(leaf.certificate);
  assertEquals([subject, names], ["rembus", [name]]);
});

Deno.test("createLeaf() makes what a client that trusts the authority connects to", async () => {
  const signer = await authority(10, new Date());
  const leaf = await createLeaf({
    authority: signer,
    names: ["localhost", "127.0.0.1"],
    days: 1,
    now: new Date(),
  });
  using listener = Deno.listenTls({
    hostname: "127.0.0.1",
    port: 0,
    cert: leaf.certificate,
    key: leaf.key,
  });
  for (const hostname of ["localhost", "127.0.0.1"]) {
    const accepted = listener.accept();
    using conn = await Deno.connectTls({
      hostname,
      port: listener.addr.port,
      caCerts: [signer.certificate],
    });
    using peer = await accepted;
    await Promise.all([conn.handshake(), peer.handshake()]);
  }
});

for (const text of ["", "text", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]) {
  Deno.test(`readCertificate() refuses ${JSON.stringify(text)}`, async () => {
    await assertRejects(() => readCertificate(text), TypeError, "Cannot read the certificate");
  });
}
