import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { tlsProblem } from "../../../src/link/tls_errors.ts";

const PROBLEMS: readonly (readonly [text: string, says: string])[] = [
  ["invalid peer certificate: UnknownIssuer", "HTTP_CA_BUNDLE"],
  ["invalid peer certificate: Expired", "expired"],
  ["invalid peer certificate: certificate expired: verification time 1 (UNIX)", "expired"],
  ["invalid peer certificate: NotValidYet", "not valid yet"],
  ["invalid peer certificate: Other(OtherError(CaUsedAsEndEntity))", "rembus keystore init"],
  ["invalid peer certificate: BadSignature", "not signed"],
  ["received corrupt message of type InvalidContentType", "ws://"],
  ["received fatal alert: NoApplicationProtocol", "another protocol"],
  ["invalid peer certificate: SomethingNew", "(SomethingNew)"],
  [
    'invalid peer certificate: certificate not valid for name "localhost"; certificate is only ' +
    'valid for DnsName("box.example")',
    'not for "localhost", but DnsName("box.example")',
  ],
];

for (const [text, says] of PROBLEMS) {
  Deno.test(`tlsProblem() explains "${text}"`, () => {
    const problem = tlsProblem(new Error(text));
    assert(problem !== null);
    assertStringIncludes(problem, says);
  });
}

Deno.test("tlsProblem() leaves other errors alone", () => {
  assertEquals(tlsProblem(new Error("Connection refused (os error 111)")), null);
  assertEquals(tlsProblem("text"), null);
});
