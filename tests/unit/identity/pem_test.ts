import { assertEquals, assertThrows } from "@std/assert";
import { KeyError } from "../../../src/identity/errors.ts";
import { isPem, readPem, writePem } from "../../../src/identity/pem.ts";
import { bytesOf, pemOf, pemSpellings } from "./key_forms.ts";

const CONTENT = Uint8Array.from({ length: 100 }, (_, at) => at);

Deno.test("writePem() writes lines of 64 characters, as others do", () => {
  assertEquals(writePem("PUBLIC KEY", CONTENT), pemOf("PUBLIC KEY", CONTENT));
});

Deno.test("readPem() reads the blocks in their order, with lines of any length", () => {
  const text = pemOf("A", CONTENT, 76) + "between\n" + pemOf("B C", CONTENT.subarray(1), 10_000);
  assertEquals(readPem(bytesOf(text)), [
    { label: "A", der: CONTENT },
    { label: "B C", der: CONTENT.subarray(1) },
  ]);
});

for (const { name, bytes } of pemSpellings(writePem("PUBLIC KEY", CONTENT))) {
  Deno.test(`readPem() reads PEM ${name}`, () => {
    assertEquals(isPem(bytes), true);
    assertEquals(readPem(bytes), [{ label: "PUBLIC KEY", der: CONTENT }]);
  });
}

Deno.test("readPem() gives no content for encrypted blocks", () => {
  const old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n" +
    "DEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
  assertEquals(readPem(bytesOf(old)), [{ label: "RSA PRIVATE KEY", der: null }]);
  const label = "ENCRYPTED PRIVATE KEY";
  assertEquals(readPem(bytesOf(pemOf(label, CONTENT))), [{ label, der: null }]);
});

const block = writePem("PUBLIC KEY", CONTENT);
for (
  const [what, text] of [
    ["no block", "AAAA\n"],
    ["a block that does not end", block.slice(0, -10)],
    ["a block that ends as another", block.replace("END PUBLIC", "END PRIVATE")],
    ["a block in a block", block.replace("\n", "\n-----BEGIN PUBLIC KEY-----\n")],
    ["a first line without its dashes", block.replace("KEY-----\n", "KEY\n")],
    ["a header that it does not know", block.replace("\n", "\nComment: x\n")],
    ["a character that is not base64", block.replace("A", "*")],
    ["base64 of no whole byte", "-----BEGIN X-----\nA\n-----END X-----\n"],
    ["padding in the middle", "-----BEGIN X-----\nAA==\nAAAA\n-----END X-----\n"],
  ] as const
) {
  Deno.test(`readPem() refuses ${what}`, () => {
    assertThrows(() => readPem(bytesOf(text)), KeyError, "expected complete PEM");
  });
}

Deno.test("isPem() wants a block at the beginning of a line", () => {
  for (const text of ["", "0", "x -----BEGIN PUBLIC KEY-----", "-----BEGI", "----BEGIN X-----"]) {
    assertEquals(isPem(bytesOf(text)), false, text);
  }
  assertEquals(isPem(bytesOf("secret\n-----BEGIN")), true);
});
