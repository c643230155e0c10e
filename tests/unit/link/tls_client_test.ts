import { assertEquals } from "@std/assert";
import { X509Certificate } from "node:crypto";
import type { PeerCertificate } from "node:tls";
import { CA_AS_SERVER, checkIdentity } from "../../../src/link/tls_client.ts";
import { testAuthority, testLeaf } from "../../helpers/certificates.ts";

const CA = await testAuthority();

/** A certificate as a handshake gives it. */
async function certificateFor(...names: string[]): Promise<PeerCertificate> {
  const { certificate } = await testLeaf(CA, names);
  return new X509Certificate(certificate).toLegacyObject();
}

/** The code of what is wrong. */
function wrong(host: string, certificate: PeerCertificate): unknown {
  const error = checkIdentity(host, certificate);
  return error === undefined ? null : "code" in error ? error.code : error.message;
}

const OTHER_NAME = "ERR_TLS_CERT_ALTNAME_INVALID";
const CASES: readonly (readonly [host: string, name: string, isGood: boolean])[] = [
  ["box.example", "box.example", true],
  ["BOX.example", "box.example", true],
  ["box.example.", "box.example", true],
  ["a.box.example", "box.example", false],
  ["example", "box.example", false],
  ["", "box.example", false],
  ["a.plant.example", "*.plant.example", true],
  ["a.b.plant.example", "*.plant.example", false],
  ["plant.example", "*.plant.example", false],
  ["10.0.0.1", "10.0.0.1", true],
  ["10.0.0.2", "10.0.0.1", false],
  ["::1", "::1", true],
  ["::2", "::1", false],
  ["10.0.0.1", "box.example", false],
];

for (const [host, name, isGood] of CASES) {
  Deno.test(`checkIdentity() ${isGood ? "takes" : "refuses"} "${name}" for "${host}"`, async () => {
    assertEquals(wrong(host, await certificateFor(name)), isGood ? null : OTHER_NAME);
  });
}

Deno.test("checkIdentity() does not look at the common name", async () => {
  const certificate = await certificateFor("10.0.0.1");
  const named = { ...certificate, subject: { ...certificate.subject, CN: "box.example" } };
  assertEquals(wrong("box.example", named), OTHER_NAME);
  const { subjectaltname: _, ...nameless } = named;
  assertEquals(wrong("box.example", nameless), OTHER_NAME);
  assertEquals(wrong("10.0.0.1", nameless), OTHER_NAME);
});

Deno.test("checkIdentity() refuses the certificate of an authority, whatever its name", async () => {
  assertEquals(
    wrong("box.example", { ...await certificateFor("box.example"), ca: true }),
    CA_AS_SERVER,
  );
});
