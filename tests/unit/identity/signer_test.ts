// Goal: every form of a private key signs so that others agree. Method: node:crypto makes the keys and
// checks the signatures.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { generateKeyPairSync, verify } from "node:crypto";
import { challengeMessage } from "../../../src/identity/attestation.ts";
import { KeyError } from "../../../src/identity/errors.ts";
import { readSigner } from "../../../src/identity/signer.ts";
import { readVerifier, secretVerifier } from "../../../src/identity/verifier.ts";
import {
  bytesOf,
  ecPair,
  pairOf,
  pemOf,
  pemSpellings,
  plain,
  privateFiles,
  publicFiles,
  rsaPair,
} from "./key_forms.ts";

const CHALLENGE = Uint8Array.from({ length: 32 }, (_, at) => at * 7);
const rsa = rsaPair();
const ec = ecPair();
/** A key whose secret number begins with a zero byte, which some writers leave out. */
const SHORT_SCALAR_PEM = "-----BEGIN EC PRIVATE KEY-----\n" +
  "MDACAQEEHwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh+gCgYIKoZIzj0DAQc=\n" +
  "-----END EC PRIVATE KEY-----\n";

for (const [kind, pair] of [["rsa", rsa], ["ecdsa", ec]] as const) {
  for (const { name, bytes } of privateFiles(pair)) {
    Deno.test(`readSigner() reads ${kind} ${name} and signs as node:crypto verifies`, async () => {
      const signer = await readSigner(bytes);
      assertEquals(signer.kind, kind);
      const signature = await signer.attest(CHALLENGE, "alice");
      const message = challengeMessage(CHALLENGE, "alice");
      assert(verify("sha256", message, pair.publicKey, signature));
      for (const file of publicFiles(pair)) {
        const verifier = await readVerifier(file.bytes);
        assertEquals(await verifier.verify(CHALLENGE, "alice", signature), true);
        assertEquals(await verifier.verify(CHALLENGE, "mallory", signature), false);
      }
    });
  }
  const type = kind === "rsa" ? "pkcs1" : "sec1";
  const pem = pair.privateKey.export({ type, format: "pem" } as { type: "sec1"; format: "pem" });
  for (const { name, bytes } of pemSpellings(String(pem))) {
    Deno.test(`readSigner() reads ${kind} PEM ${name}`, async () => {
      const signature = await (await readSigner(bytes)).attest(CHALLENGE, "alice");
      assert(verify("sha256", challengeMessage(CHALLENGE, "alice"), pair.publicKey, signature));
    });
  }
}

Deno.test("readSigner() signs with ECDSA in DER of all lengths, 200 times", async () => {
  const signer = await readSigner(privateFiles(ec)[0]?.bytes ?? new Uint8Array());
  for (let round = 0; round < 200; round++) {
    const challenge = Uint8Array.of(round);
    const signature = await signer.attest(challenge, "alice");
    assert(verify("sha256", challengeMessage(challenge, "alice"), ec.publicKey, signature));
  }
});

Deno.test("readSigner() reads an EC key whose number was written without its leading zero", async () => {
  const signature = await (await readSigner(bytesOf(SHORT_SCALAR_PEM))).attest(CHALLENGE, "alice");
  const scalar = Uint8Array.from({ length: 32 }, (_, at) => at);
  const whole = pemOf(
    "EC PRIVATE KEY",
    Uint8Array.from([
      ...[0x30, 0x31, 2, 1, 1, 4, 32, ...scalar],
      ...[0xa0, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
    ]),
  );
  const { publicKey } = pairOf(whole);
  assert(verify("sha256", challengeMessage(CHALLENGE, "alice"), publicKey, signature));
});

for (
  const file of ["s3cret", "s3cret\n", "s3cret\r\n", "s3cret\nand more\n", "0", "0+x", "pä ☀ "]
) {
  Deno.test(`readSigner() takes ${JSON.stringify(file)} as a shared secret`, async () => {
    const signer = await readSigner(bytesOf(file));
    assertEquals(signer.kind, "secret");
    const signature = await signer.attest(CHALLENGE, "alice");
    assertEquals(signature.length, 32);
    const [line = ""] = file.split(/\r?\n/, 1);
    const verifier = secretVerifier(bytesOf(line));
    assertEquals(await verifier.verify(CHALLENGE, "any name", signature), true);
  });
}

const encrypt = { cipher: "aes-256-cbc", passphrase: "pass phrase" } as const;
const der8 = plain(rsa.privateKey.export({ type: "pkcs8", format: "der" }));
const other = rsaPair();

/** RSA with the public half of one key and the rest of another. */
function mixed(): Uint8Array {
  const bytes = plain(rsa.privateKey.export({ type: "pkcs1", format: "der" }));
  const foreign = plain(other.privateKey.export({ type: "pkcs1", format: "der" }));
  const modulusAt = bytes.findIndex((byte, at) => at > 7 && byte === 0) + 1;
  bytes.set(foreign.subarray(modulusAt, modulusAt + 256), modulusAt);
  return bytes;
}

/** EC with a public half of another key. */
function mixedEc(): Uint8Array {
  const bytes = plain(ec.privateKey.export({ type: "sec1", format: "der" }));
  const foreign = plain(ecPair().privateKey.export({ type: "sec1", format: "der" }));
  bytes.set(foreign.subarray(-65), bytes.length - 65);
  return bytes;
}

/** RSA with one wrong prime exponent: its signatures would give the primes away. */
function faulty(): Uint8Array {
  const bytes = plain(rsa.privateKey.export({ type: "pkcs1", format: "der" }));
  const at = bytes.length - 200;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
}

const exported = (pair: typeof rsa, options: Record<string, string>): Uint8Array =>
  plain(pair.privateKey.export(options as unknown as { type: "pkcs8"; format: "pem" }));
const SECP256K1 = Uint8Array.of(6, 5, 0x2b, 0x81, 4, 0, 10);

for (
  const [what, bytes, text] of [
    ["nothing", new Uint8Array(), "empty"],
    ["an empty line", bytesOf("\nsecond line"), "empty"],
    ["bytes that are neither text nor a key", Uint8Array.of(0xff, 0, 1), "DER"],
    ["text with control characters", bytesOf("a\0b"), "DER"],
    [
      "an encrypted PKCS#8 key",
      exported(rsa, { type: "pkcs8", format: "pem", ...encrypt }),
      "encrypted",
    ],
    [
      "an encrypted PKCS#8 DER",
      exported(rsa, { type: "pkcs8", format: "der", ...encrypt }),
      "encrypted",
    ],
    [
      "an encrypted PKCS#1 key",
      exported(rsa, { type: "pkcs1", format: "pem", ...encrypt }),
      "encrypted",
    ],
    [
      "an encrypted SEC1 key",
      exported(ec, { type: "sec1", format: "pem", ...encrypt }),
      "encrypted",
    ],
    ["RSA of 1024 bit", exported(rsaPair(1024), { type: "pkcs1", format: "pem" }), "got 1024 bit"],
    ["curve P-384", exported(ecPair("P-384"), { type: "sec1", format: "pem" }), "another curve"],
    [
      "curve secp256k1",
      exported(ecPair("secp256k1"), { type: "pkcs8", format: "pem" }),
      "another curve",
    ],
    [
      "an EC key behind the parameters of another curve",
      bytesOf(
        pemOf("EC PARAMETERS", SECP256K1) +
          ec.privateKey.export({ type: "sec1", format: "pem" }),
      ),
      "another curve",
    ],
    [
      "Ed25519",
      plain(generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" })),
      "another algorithm",
    ],
    ["a public key", publicFiles(rsa)[0]?.bytes ?? new Uint8Array(), "got a public key"],
    ["a public key in DER", publicFiles(rsa)[1]?.bytes ?? new Uint8Array(), ""],
    ["a key of OpenSSH", bytesOf(pemOf("OPENSSH PRIVATE KEY", der8)), "ssh-keygen"],
    ["a certificate", bytesOf(pemOf("CERTIFICATE", der8)), "got a certificate"],
    ["PEM of something else", bytesOf(pemOf("0123456789ABCDEF", der8)), "something else"],
    ["PEM without an end", bytesOf(pemOf("PRIVATE KEY", der8).slice(0, -30)), "complete PEM"],
    [
      "PEM whose first line lost a dash",
      bytesOf(pemOf("PRIVATE KEY", der8).slice(1)),
      "a key in PEM",
    ],
    ["a cut key", der8.subarray(0, -1), "DER"],
    ["trailing bytes", Uint8Array.from([...der8, 0]), "DER"],
    ["halves of two RSA keys", mixed(), "damaged"],
    ["halves of two EC keys", mixedEc(), "damaged"],
    ["an EC key with the number 0", scalarOf(new Uint8Array(32)), "damaged"],
    [
      "an EC key with a number that is too large",
      scalarOf(new Uint8Array(32).fill(255)),
      "damaged",
    ],
    ["an EC key without a number", scalarOf(new Uint8Array()), "another size"],
    ["an EC key with a number of 33 bytes", scalarOf(new Uint8Array(33)), "another size"],
    ["more than 32 KiB of text", bytesOf("x".repeat(40_000)), "more than"],
    ["more than 32 KiB of bytes", new Uint8Array(40_000), "more than"],
  ] as const
) {
  Deno.test(`readSigner() refuses ${what}`, async () => {
    const error = await assertRejects(() => readSigner(bytes), KeyError, text);
    assertEquals(error.status, 10);
    assert(!error.message.includes("0123456789ABCDEF"));
  });
}

function scalarOf(scalar: Uint8Array): Uint8Array {
  const { length } = scalar;
  return Uint8Array.from([0x30, 5 + length, 2, 1, 1, 4, length, ...scalar]);
}

Deno.test("readSigner() never signs with a wrong prime exponent of an RSA key", async () => {
  // Some runtimes refuse the key, others compute the exponent anew.
  try {
    const signature = await (await readSigner(faulty())).attest(CHALLENGE, "alice");
    assert(verify("sha256", challengeMessage(CHALLENGE, "alice"), rsa.publicKey, signature));
  } catch (error) {
    assert(error instanceof KeyError);
  }
});
