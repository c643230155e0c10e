import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { CA_AS_SERVER } from "../../../src/link/tls_client.ts";
import { tlsProblem } from "../../../src/link/tls_errors.ts";

const PROBLEMS: readonly (readonly [code: string, says: string])[] = [
  ["SELF_SIGNED_CERT_IN_CHAIN", "HTTP_CA_BUNDLE"],
  ["UNABLE_TO_GET_ISSUER_CERT", "HTTP_CA_BUNDLE"],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "HTTP_CA_BUNDLE"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "it has expired"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "HTTP_CA_BUNDLE"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "signed itself"],
  ["CERT_HAS_EXPIRED", "expired"],
  ["CERT_NOT_YET_VALID", "not valid yet"],
  ["CERT_REVOKED", "revoked"],
  ["INVALID_PURPOSE", "not for servers"],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "ws://"],
  ["ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL", "another protocol"],
  [CA_AS_SERVER, "rembus keystore init"],
];

for (const [code, says] of PROBLEMS) {
  Deno.test(`tlsProblem() explains ${code}: ${says}`, () => {
    const problem = tlsProblem(Object.assign(new Error("text of the library"), { code }));
    assert(problem !== null);
    assertStringIncludes(problem, says);
  });
}

Deno.test("tlsProblem() says which name a certificate is not for, and which it is for", () => {
  const code = "ERR_TLS_CERT_ALTNAME_INVALID";
  const error = Object.assign(new Error("no match"), { code, host: "localhost" });
  assertEquals(tlsProblem(error), 'a certificate that is not for "localhost"');
  const told = Object.assign(error, { cert: { subjectaltname: "DNS:box.example" } });
  assertEquals(
    tlsProblem(told),
    'a certificate that is not for "localhost", but for DNS:box.example',
  );
});

Deno.test("tlsProblem() leaves other errors alone", () => {
  assertEquals(tlsProblem(new Error("Connection refused (os error 111)")), null);
  assertEquals(tlsProblem(Object.assign(new Error("reset"), { code: "ECONNRESET" })), null);
  assertEquals(tlsProblem("text"), null);
});
