import { assert, assertEquals, assertMatch } from "@std/assert";
import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { challengeMessage } from "../../../src/identity/attestation.ts";
import { generateKeys } from "../../../src/identity/generate.ts";
import { keyFormOf } from "../../../src/identity/public_key.ts";
import { readSigner } from "../../../src/identity/signer.ts";
import { readVerifier } from "../../../src/identity/verifier.ts";
import { bytesOf } from "./key_forms.ts";

const CHALLENGE = new Uint8Array(32).fill(3);

for (const scheme of ["rsa", "ecdsa"] as const) {
  Deno.test(`generateKeys() makes a pair of ${scheme} that we and node:crypto can use`, async () => {
    const { privatePem, publicPem } = await generateKeys(scheme);
    assertMatch(privatePem, /^-----BEGIN PRIVATE KEY-----\n/);
    assertMatch(publicPem, /^-----BEGIN PUBLIC KEY-----\n/);
    assertEquals(keyFormOf(bytesOf(publicPem)), { kind: scheme, format: "pem" });
    const message = challengeMessage(CHALLENGE, "alice");
    const signature = await (await readSigner(bytesOf(privatePem))).attest(CHALLENGE, "alice");
    assert(verify("sha256", message, publicPem, signature));
    const theirs = sign("sha256", message, privatePem);
    const verifier = await readVerifier(bytesOf(publicPem));
    assertEquals(await verifier.verify(CHALLENGE, "alice", theirs), true);
    const privateKey = createPrivateKey(privatePem);
    assertEquals(createPublicKey(privateKey).export({ type: "spki", format: "pem" }), publicPem);
    assertEquals(privateKey.export({ type: "pkcs8", format: "pem" }), privatePem);
    const { modulusLength, publicExponent, namedCurve } = privateKey.asymmetricKeyDetails ?? {};
    assertEquals(
      [modulusLength, publicExponent, namedCurve],
      scheme === "rsa" ? [2048, 65537n, undefined] : [undefined, undefined, "prime256v1"],
    );
  });
}

Deno.test("generateKeys() makes another pair each time", async () => {
  const [one, two] = await Promise.all([generateKeys("ecdsa"), generateKeys("ecdsa")]);
  assert(one.privatePem !== two.privatePem);
});
