// Goal: keys, signatures and secrets go both ways between us and the library that rembus.python signs with.
// Method: one script makes and checks everything there.
import { assertEquals } from "@std/assert";
import { fromBase64, toBase64 } from "../../src/protocol/base64.ts";
import { generateKeys } from "../../src/identity/generate.ts";
import { readSigner } from "../../src/identity/signer.ts";
import { readVerifier } from "../../src/identity/verifier.ts";
import { pythonForTests, pythonTest } from "../helpers/python.ts";

const CHALLENGE = Uint8Array.from({ length: 32 }, (_, at) => at ^ 0xa5);
const NAME = "site/älice";

const COMMON = `
import base64, json, sys
from cryptography.hazmat.primitives import hashes, serialization as s
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
import cbor2
args = json.load(sys.stdin)
b64 = lambda data: base64.b64encode(data).decode()
message = cbor2.dumps([base64.b64decode(args["challenge"]), args["name"]])
`;

const MAKE = `${COMMON}
def sign(key):
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(message, ec.ECDSA(hashes.SHA256()))
pairs = []
for kind, key in (("rsa", rsa.generate_private_key(65537, 2048)), ("ecdsa", ec.generate_private_key(ec.SECP256R1()))):
    encodings = (s.Encoding.PEM, s.Encoding.DER)
    privates = [b64(key.private_bytes(e, f, s.NoEncryption()))
        for f in (s.PrivateFormat.TraditionalOpenSSL, s.PrivateFormat.PKCS8) for e in encodings]
    formats = [s.PublicFormat.SubjectPublicKeyInfo] + ([s.PublicFormat.PKCS1] if kind == "rsa" else [])
    publics = [b64(key.public_key().public_bytes(e, f)) for f in formats for e in encodings]
    pairs.append({"kind": kind, "privates": privates, "publics": publics,
        "signatures": [b64(sign(key)) for _ in range(20)]})
json.dump(pairs, sys.stdout)
`;

const CHECK = `${COMMON}
checked = 0
for item in args["items"]:
    key = s.load_pem_public_key(item["publicPem"].encode())
    s.load_pem_private_key(item["privatePem"].encode(), password=None)
    for signature in item["signatures"]:
        signature = base64.b64decode(signature)
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, padding.PKCS1v15(), hashes.SHA256())
        else:
            key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        checked += 1
json.dump(checked, sys.stdout)
`;

/** Runs a script with JSON in and out. */
async function runPython<T>(python: string, script: string, args: object = {}): Promise<T> {
  await using child = new Deno.Command(python, {
    args: ["-c", script],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const input = JSON.stringify({ challenge: toBase64(CHALLENGE), name: NAME, ...args });
  await new Blob([input]).stream().pipeTo(child.stdin);
  const { stdout, success } = await child.output();
  assertEquals(success, true);
  return JSON.parse(new TextDecoder().decode(stdout)) as T;
}

interface MadePair {
  readonly kind: "rsa" | "ecdsa";
  readonly privates: readonly string[];
  readonly publics: readonly string[];
  readonly signatures: readonly string[];
}

const python = await pythonForTests();

pythonTest(python, "keys and signatures of Python are read in every form", async (python) => {
  for (const { kind, privates, publics, signatures } of await runPython<MadePair[]>(python, MAKE)) {
    const verifiers = await Promise.all(publics.map((file) => readVerifier(fromBase64(file))));
    for (const verifier of verifiers) {
      assertEquals(verifier.kind, kind);
      for (const signature of signatures) {
        assertEquals(await verifier.verify(CHALLENGE, NAME, fromBase64(signature)), true);
        assertEquals(await verifier.verify(CHALLENGE, "bob", fromBase64(signature)), false);
      }
    }
    for (const file of privates) {
      const signature = await (await readSigner(fromBase64(file))).attest(CHALLENGE, NAME);
      for (const verifier of verifiers) {
        assertEquals(await verifier.verify(CHALLENGE, NAME, signature), true);
      }
    }
  }
});

pythonTest(python, "keys and signatures of ours are read by Python", async (python) => {
  const items = await Promise.all((["rsa", "ecdsa"] as const).map(async (scheme) => {
    const keys = await generateKeys(scheme);
    const signer = await readSigner(new TextEncoder().encode(keys.privatePem));
    const attest = async () => toBase64(await signer.attest(CHALLENGE, NAME));
    return { ...keys, signatures: await Promise.all(Array.from({ length: 20 }, attest)) };
  }));
  assertEquals(await runPython(python, CHECK, { items }), 40);
});
