// Goal: a signature counts if and only if it proves the name for the challenge. Method: keys and signatures
// of node:crypto in every form.
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { generateKeyPairSync, sign } from "node:crypto";
import { challengeMessage } from "../../../src/identity/attestation.ts";
import { KeyError } from "../../../src/identity/errors.ts";
import { isPem } from "../../../src/identity/pem.ts";
import { keyFormOf } from "../../../src/identity/public_key.ts";
import { readVerifier, secretVerifier } from "../../../src/identity/verifier.ts";
import { bytesToHex, hexToBytes } from "../../helpers/vectors.ts";
import {
  bytesOf,
  ecPair,
  type OraclePair,
  pemOf,
  pemSpellings,
  plain,
  publicFiles,
  rsaPair,
} from "./key_forms.ts";

const CHALLENGE = Uint8Array.from({ length: 32 }, (_, at) => 255 - at);
const rsa = rsaPair();
const ec = ecPair();

function signed({ privateKey }: OraclePair, message = challengeMessage(CHALLENGE, "alice")) {
  return plain(sign("sha256", message, privateKey));
}

for (const [kind, pair, other] of [["rsa", rsa, rsaPair()], ["ecdsa", ec, ecPair()]] as const) {
  for (const { name, bytes } of publicFiles(pair)) {
    Deno.test(`readVerifier() reads ${kind} ${name} and checks signatures of node:crypto`, async () => {
      const verifier = await readVerifier(bytes);
      assertEquals(verifier.kind, kind);
      assertEquals(keyFormOf(bytes), { kind, format: isPem(bytes) ? "pem" : "der" });
      const signature = signed(pair);
      assertEquals(await verifier.verify(CHALLENGE, "alice", signature), true);
      assertEquals(await verifier.verify(CHALLENGE, "alice", signature), true);
      assertEquals(await verifier.verify(CHALLENGE, "bob", signature), false);
      assertEquals(await verifier.verify(CHALLENGE.subarray(1), "alice", signature), false);
      assertEquals(await verifier.verify(CHALLENGE, "alice", signed(other)), false);
      assertEquals(await verifier.verify(CHALLENGE, "alice", signed(pair, CHALLENGE)), false);
    });
  }
  const pem = pair.publicKey.export({ type: "spki", format: "pem" });
  for (const { name, bytes } of pemSpellings(String(pem))) {
    Deno.test(`readVerifier() reads ${kind} PEM ${name}`, async () => {
      assertEquals(
        await (await readVerifier(bytes)).verify(CHALLENGE, "alice", signed(pair)),
        true,
      );
    });
  }
}

Deno.test("verify() says no to what is no signature", async () => {
  for (const pair of [rsa, ec]) {
    const [file] = publicFiles(pair);
    const verifier = await readVerifier(file?.bytes ?? new Uint8Array());
    const right = signed(pair);
    const wrong = [
      new Uint8Array(),
      new Uint8Array(64),
      new Uint8Array(256),
      new Uint8Array(256).fill(255),
      new Uint8Array(1_000_000),
      right.subarray(1),
      right.subarray(0, -1),
      Uint8Array.from([0, ...right]),
      Uint8Array.from([...right, 0]),
      bytesOf("3006020101020101"),
      hexToBytes("3006020101020101"),
      hexToBytes(`3046022100${"ff".repeat(32)}022100${"ff".repeat(32)}`),
    ];
    for (const signature of wrong) {
      assertEquals(await verifier.verify(CHALLENGE, "alice", signature), false);
    }
  }
});

Deno.test("verify() of ECDSA says no to the raw form of a right signature", async () => {
  const [file] = publicFiles(ec);
  const verifier = await readVerifier(file?.bytes ?? new Uint8Array());
  const message = challengeMessage(CHALLENGE, "alice");
  const key = { key: ec.privateKey, dsaEncoding: "ieee-p1363" } as const;
  const raw = plain(sign("sha256", message, key));
  assertEquals(await verifier.verify(CHALLENGE, "alice", raw), false);
});

Deno.test("verify() says no to RSA signatures with another digest or padding", async () => {
  const [file] = publicFiles(rsa);
  const verifier = await readVerifier(file?.bytes ?? new Uint8Array());
  const message = challengeMessage(CHALLENGE, "alice");
  const pss = { key: rsa.privateKey, padding: 6 };
  for (const wrong of [sign("sha512", message, rsa.privateKey), sign("sha256", message, pss)]) {
    assertEquals(await verifier.verify(CHALLENGE, "alice", plain(wrong)), false);
  }
});

Deno.test("readVerifier() takes RSA of 3072 bit, and the exponent 3", async () => {
  for (const pair of [rsaPair(3072), rsaPair(2048, 3)]) {
    for (const { bytes } of publicFiles(pair)) {
      const verifier = await readVerifier(bytes);
      assertEquals(await verifier.verify(CHALLENGE, "alice", signed(pair)), true);
    }
  }
});

/** RSA in PKCS#1 with numbers of our choice. */
function rsaOf(modulus: Uint8Array, exponent: readonly number[]): Uint8Array {
  const integer = (magnitude: readonly number[]): number[] => {
    const bytes = (magnitude[0] ?? 128) < 128 ? magnitude : [0, ...magnitude];
    const { length } = bytes;
    return [2, ...(length < 128 ? [length] : [0x82, length >> 8, length & 255]), ...bytes];
  };
  const content = [...integer([...modulus]), ...integer(exponent)];
  const { length } = content;
  const head = length < 128 ? [length] : [0x82, length >> 8, length & 255];
  return Uint8Array.from([0x30, ...head, ...content]);
}

const ofBytes = (length: number): Uint8Array => new Uint8Array(length).fill(255);
const spkiOf = (pair: OraclePair): Uint8Array =>
  plain(pair.publicKey.export({ type: "spki", format: "der" }));
const privatePem = String(rsa.privateKey.export({ type: "pkcs8", format: "pem" }));
const publicPem = String(rsa.publicKey.export({ type: "spki", format: "pem" }));
const offCurve = spkiOf(ec);
offCurve.set([1], offCurve.length - 1);
offCurve.set([2], offCurve.length - 2);
const atInfinity = hexToBytes("3019301306072a8648ce3d020106082a8648ce3d03010703020000");
const tooLarge = spkiOf(ec);
tooLarge.fill(255, -64);
const compressed = hexToBytes(
  "3039301306072a8648ce3d020106082a8648ce3d030107032200" +
    "036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
);

for (
  const [what, bytes, text] of [
    ["nothing", new Uint8Array(), "empty"],
    ["a line of text", bytesOf("secret\n"), "DER"],
    ["RSA of 1024 bit", spkiOf(rsaPair(1024)), "2048 to 8192 bit, got 1024 bit"],
    ["RSA of 2047 bit", rsaOf(ofBytes(256).with(0, 127), [3]), "2048 to 8192 bit, got 2047 bit"],
    ["RSA of 8193 bit", rsaOf(ofBytes(1025).with(0, 1), [3]), "2048 to 8192 bit, got 8193 bit"],
    ["RSA of no bits", rsaOf(new Uint8Array(), [3]), "2048 to 8192 bit, got 0 bit"],
    ["RSA with exponent 1", rsaOf(ofBytes(256), [1]), "exponent from 3"],
    ["RSA with exponent 0", rsaOf(ofBytes(256), [0]), "exponent from 3"],
    ["RSA with an even exponent", rsaOf(ofBytes(256), [2]), "exponent from 3"],
    ["RSA with a huge exponent", rsaOf(ofBytes(256), [1, 0, 0, 0, 1]), "exponent from 3"],
    ["RSA with an even modulus", rsaOf(ofBytes(256).with(255, 2), [3]), "odd"],
    ["curve P-384", spkiOf(ecPair("P-384")), "P-256, got another curve"],
    ["curve secp256k1", spkiOf(ecPair("secp256k1")), "P-256, got another curve"],
    ["Ed25519", spkiOf(generateKeyPairSync("ed25519")), "got another algorithm"],
    [
      "RSA-PSS",
      spkiOf(generateKeyPairSync("rsa-pss", { modulusLength: 2048 })),
      "another algorithm",
    ],
    ["a point that is not on the curve", offCurve, "damaged"],
    ["a point with numbers beyond the field", tooLarge, "damaged"],
    ["the point at infinity", atInfinity, "uncompressed"],
    ["a compressed point", compressed, "uncompressed"],
    ["a private key", bytesOf(privatePem), "got a private key"],
    ["a private key behind a public one", bytesOf(publicPem + privatePem), "got a private key"],
    ["a private key in DER", plain(rsa.privateKey.export({ type: "pkcs8", format: "der" })), "DER"],
    ["a certificate", bytesOf(pemOf("CERTIFICATE", spkiOf(rsa))), "got PEM of something else"],
    ["trailing bytes", Uint8Array.from([...spkiOf(rsa), 0]), "DER"],
    ["a cut key", spkiOf(rsa).subarray(0, -1), "DER"],
    ["more than 32 KiB", new Uint8Array(32_769), "more than 32768 bytes"],
  ] as const
) {
  Deno.test(`readVerifier() refuses ${what}`, async () => {
    await assertRejects(() => readVerifier(bytes), KeyError, text);
  });
}

Deno.test("secretVerifier() compares with SHA-256 of the CBOR of challenge and secret", async () => {
  // echo -n ... | sha256sum of 82 44 deadbeef 66 "s3cret"
  const challenge = hexToBytes("deadbeef");
  const message = Uint8Array.from([...hexToBytes("8244deadbeef66"), ...bytesOf("s3cret")]);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", message));
  for (const stored of ["s3cret", "s3cret\n", "s3cret\r\n", "s3cret\nmore\n"]) {
    const verifier = secretVerifier(bytesOf(stored));
    assertEquals(verifier.kind, "secret");
    assertEquals(await verifier.verify(challenge, "alice", digest), true, stored);
    assertEquals(await verifier.verify(challenge, "alice", digest.subarray(1)), false);
    assertEquals(await verifier.verify(challenge, "alice", new Uint8Array(32)), false);
    assertEquals(await verifier.verify(hexToBytes("deadbeee"), "alice", digest), false);
    assertEquals(await verifier.verify(challenge, "alice", bytesOf(bytesToHex(digest))), false);
  }
  for (const stored of ["s3cre", " s3cret", "s3cret ", "S3CRET"]) {
    assertEquals(await secretVerifier(bytesOf(stored)).verify(challenge, "a", digest), false);
  }
});

Deno.test("secretVerifier() refuses what anybody could know or nobody could type", () => {
  for (
    const [stored, text] of [
      ["", "empty"],
      ["\n", "empty"],
      ["\r\nsecond", "empty"],
      [publicPem, "a key in PEM"],
      [privatePem, "a key in PEM"],
      [publicPem.slice(1), "a key in PEM"],
      ["a\0b", "no text"],
      ["x".repeat(32_769), "more than"],
    ] as const
  ) {
    const error = assertThrows(() => secretVerifier(bytesOf(stored)), KeyError, text);
    assertEquals(error.message.includes("BEGIN"), false);
  }
  assertThrows(() => secretVerifier(Uint8Array.of(0xff, 0xfe, 0x41)), KeyError, "no text");
});
