import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { challengeOf, placeOf, prove } from "../../../src/client/proof.ts";
import type { KeyScheme } from "../../../src/identity/client_keys.ts";
import { generateKeys } from "../../../src/identity/generate.ts";
import { memoryKeys } from "../../../src/identity/memory_keys.ts";
import { readVerifier } from "../../../src/identity/verifier.ts";
import { LoginError } from "../../../src/protocol/errors.ts";
import type { MsgId, Response } from "../../../src/protocol/packet.ts";
import { Payload } from "../../../src/protocol/payload.ts";

const CHALLENGE = new Uint8Array([0xde, 0xad, 0xbe, 0xef]);

function response(data: unknown): Response {
  return { type: "response", id: 1n as MsgId, status: 11, data: Payload.fromValue(data) };
}

for (const scheme of ["rsa", "ecdsa"] as KeyScheme[]) {
  Deno.test(`prove() signs challenge and name with a key of kind ${scheme}`, async () => {
    const { privatePem, publicPem } = await generateKeys(scheme);
    const keys = memoryKeys();
    await keys.save("alice", new TextEncoder().encode(privatePem));
    const signature = await prove(CHALLENGE, { name: "alice", keys });
    const verifier = await readVerifier(new TextEncoder().encode(publicPem));
    assert(await verifier.verify(CHALLENGE, "alice", signature));
    assertEquals(await verifier.verify(CHALLENGE, "bob", signature), false);
    await assertRejects(() => prove(CHALLENGE, { name: "bob", keys }), LoginError, "got none");
  });
}

Deno.test("challengeOf() gives the bytes, of base64 text too", () => {
  assertEquals(challengeOf(response(CHALLENGE), "alice"), CHALLENGE);
  assertEquals(challengeOf(response("3q2+7w=="), "alice"), CHALLENGE);
  for (const data of [null, "", "~", new Uint8Array(0), [CHALLENGE]]) {
    assertThrows(() => challengeOf(response(data), "alice"), LoginError, '"alice"');
  }
});

Deno.test("placeOf() says where a key is when its store tells", () => {
  const keys = memoryKeys();
  assertEquals(placeOf(keys, "alice"), "its key store");
  assertEquals(
    placeOf({ ...keys, where: (name: string) => `/x/${name}` } as typeof keys, "a"),
    '"/x/a"',
  );
});
