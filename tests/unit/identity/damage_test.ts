// Goal: whatever a peer sends or a file holds, the outcome is a working key, KeyError or "no". Method: seeded
// damage of keys and signatures in every form; `REMBUS_FUZZ_KEYS` sets how many.
import { assert } from "@std/assert";
import { sign } from "node:crypto";
import { challengeMessage } from "../../../src/identity/attestation.ts";
import { KeyError } from "../../../src/identity/errors.ts";
import { readSigner } from "../../../src/identity/signer.ts";
import { readVerifier, secretVerifier } from "../../../src/identity/verifier.ts";
import { countFromEnv, mutate } from "../../helpers/mutate.ts";
import { SeededRandom } from "../../helpers/seeded_random.ts";
import { ecPair, plain, privateFiles, publicFiles, rsaPair } from "./key_forms.ts";

const ROUNDS = countFromEnv("REMBUS_FUZZ_KEYS", 2000);
const CHALLENGE = new Uint8Array(32).fill(1);
const rsa = rsaPair();
const ec = ecPair();
const privates = [...privateFiles(rsa), ...privateFiles(ec)].map(({ bytes }) => bytes);
const publics = [...publicFiles(rsa), ...publicFiles(ec)].map(({ bytes }) => bytes);
const signatures = [rsa, ec].map(({ privateKey }) =>
  plain(sign("sha256", challengeMessage(CHALLENGE, "alice"), privateKey))
);

/** Runs it, and proves that it fails with nothing but `KeyError`, whose text holds nothing of the key. */
async function keyErrorOr<T>(damaged: Uint8Array, run: () => T | Promise<T>): Promise<T | null> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    const secret = new TextDecoder("latin1").decode(damaged);
    for (let at = 0; at + 16 <= Math.min(secret.length, 4096); at += 8) {
      assert(!error.message.includes(secret.slice(at, at + 16)), "the text tells of the key");
    }
    return null;
  }
}

Deno.test(`readSigner() gives a signer or KeyError for ${ROUNDS} damaged keys`, async () => {
  const random = new SeededRandom(4101);
  for (let round = 0; round < ROUNDS; round++) {
    const damaged = mutate(random.pick(privates), { random, other: random.pick(privates) });
    const signer = await keyErrorOr(damaged, () => readSigner(damaged));
    if (signer !== null) await signer.attest(CHALLENGE, "alice");
  }
});

Deno.test(`readVerifier() gives KeyError or a verifier that says no for ${ROUNDS} damaged keys`, async () => {
  const random = new SeededRandom(4102);
  for (let round = 0; round < ROUNDS; round++) {
    const whole = random.pick(publics);
    const damaged = mutate(whole, { random, other: random.pick(publics) });
    const verifier = await keyErrorOr(damaged, () => readVerifier(damaged));
    await keyErrorOr(damaged, () => secretVerifier(damaged));
    // A key may have survived, such as with a line end added: then its own signature is right.
    for (const signature of signatures) await verifier?.verify(CHALLENGE, "alice", signature);
    if (verifier !== null) assert(!await verifier.verify(CHALLENGE, "bob", signatures[0] ?? whole));
  }
});

Deno.test(`verify() says no to ${ROUNDS} damaged signatures`, async () => {
  const random = new SeededRandom(4103);
  const verifiers = await Promise.all(
    [publics[0], publics.at(-1)].map((bytes) => readVerifier(bytes ?? new Uint8Array())),
  );
  for (let round = 0; round < ROUNDS; round++) {
    const whole = random.pick(signatures);
    const damaged = mutate(whole, { random, other: random.pick(signatures) });
    // Two changes may have undone each other.
    const isSame = signatures.some((one) => String(one) === String(damaged));
    for (const verifier of verifiers) {
      assert(isSame || !await verifier.verify(CHALLENGE, "alice", damaged), `seed 4103/${round}`);
    }
  }
});
