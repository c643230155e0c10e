// Goal: a browser keeps keys, and reads, makes, signs and verifies as Deno does. Method: headless Chromium,
// whose WebCrypto and IndexedDB are others than ours.
import { assert, assertEquals } from "@std/assert";
import { verify } from "node:crypto";
import { challengeMessage } from "../../src/identity/attestation.ts";
import { readSigner } from "../../src/identity/signer.ts";
import { readVerifier } from "../../src/identity/verifier.ts";
import { testNeeding } from "../helpers/needs.ts";
import {
  bytesOf,
  ecPair,
  type OraclePair,
  privateFiles,
  publicFiles,
  rsaPair,
} from "../unit/identity/key_forms.ts";
import { chromiumForTests, type ClientPage, openPage } from "./chromium.ts";

const chromium = await chromiumForTests();
const CHALLENGE = Uint8Array.from({ length: 32 }, (_, at) => at);
const MESSAGE = challengeMessage(CHALLENGE, "alice");

/** Registers a test with a page. */
function pageTest(name: string, run: (client: ClientPage) => Promise<void>): void {
  testNeeding(chromium, name, async (executable) => {
    await using client = await openPage(executable);
    await run(client);
    assertEquals(client.complaints, []);
  });
}

/** Runs a script that may use our modules, `args` and `bytes()`; a text, since a function would be compiled here. */
function inPage<T>({ page }: ClientPage, script: string, args: unknown = null): Promise<T> {
  return page.evaluate<T>(`(async () => {
    const { indexedDbKeys } = await import("/src/identity/indexed_db_keys.ts");
    const { readSigner } = await import("/src/identity/signer.ts");
    const { readVerifier } = await import("/src/identity/verifier.ts");
    const { generateKeys } = await import("/src/identity/generate.ts");
    const args = ${JSON.stringify(args)};
    const bytes = (numbers) => Uint8Array.from(numbers);
    const failure = async (promise) => {
      try {
        await promise;
        return null;
      } catch (error) {
        return [error.name, error.message];
      }
    };
    ${script}
  })()`);
}

pageTest("indexedDbKeys() keeps keys over a new load of the page", async (client) => {
  const before = await inPage(
    client,
    `
    const keys = indexedDbKeys();
    const none = await keys.load("site/alice");
    await keys.remove("site/alice");
    const view = bytes([9, 1, 2, 9]).subarray(1, 3);
    await Promise.all([keys.save("site/alice", bytes([7])), keys.save("bob", bytes([3]))]);
    await keys.save("site/alice", view);
    view.fill(8);
    return [none, (await keys.load("site/alice")).buffer.byteLength];
  `,
  );
  assertEquals(before, [null, 2]);
  await client.page.reload();
  const after = await inPage(
    client,
    `
    const keys = indexedDbKeys();
    const other = indexedDbKeys("other");
    const kept = Array.from(await keys.load("site/alice"));
    const separate = await other.load("site/alice");
    await keys.remove("site/alice");
    return [kept, separate, await keys.load("site/alice"), Array.from(await keys.load("bob"))];
  `,
  );
  assertEquals(after, [[1, 2], null, null, [3]]);
});

pageTest("indexedDbKeys() lets another page delete the database", async (client) => {
  const outcome = await inPage(
    client,
    `
    await indexedDbKeys("gone").save("alice", bytes([1]));
    const request = indexedDB.deleteDatabase("gone");
    const how = await new Promise((resolve) => {
      request.onsuccess = () => resolve("deleted");
      request.onblocked = () => resolve("blocked");
    });
    return [how, await indexedDbKeys("gone").load("alice")];
  `,
  );
  assertEquals(outcome, ["deleted", null]);
});

pageTest("indexedDbKeys() rejects with KeyError when the browser refuses", async (client) => {
  const outcomes = await inPage(
    client,
    `
    const newer = await new Promise((resolve) => {
      const request = indexedDB.open("newer", 7);
      request.onupgradeneeded = () => request.result.createObjectStore("x");
      request.onsuccess = () => resolve(request.result);
    });
    newer.close();
    const foreign = await new Promise((resolve) => {
      const request = indexedDB.open("foreign", 1);
      request.onupgradeneeded = () => request.result.createObjectStore("x");
      request.onsuccess = () => resolve(request.result);
    });
    foreign.close();
    const text = await new Promise((resolve) => {
      const request = indexedDB.open("text", 1);
      request.onupgradeneeded = () => request.result.createObjectStore("keys").put("k", "alice");
      request.onsuccess = () => resolve(request.result);
    });
    text.close();
    return [
      await failure(indexedDbKeys("newer").load("alice")),
      await failure(indexedDbKeys("foreign").save("alice", bytes([1]))),
      await failure(indexedDbKeys("text").load("alice")),
    ];
  `,
  );
  assertEquals(outcomes, [
    ["KeyError", "Cannot read a key in IndexedDB: the browser refused"],
    ["KeyError", "Cannot write a key in IndexedDB: the browser refused"],
    ["KeyError", "Cannot read a key from IndexedDB: expected bytes, got another value"],
  ]);
});

/** What a page did with the keys of a pair. */
interface Crossed {
  /** Signatures with each of the private keys; a text where one was refused. */
  readonly signatures: readonly (number[] | string)[];
  /** Whether each of the public keys takes our signature, and takes it under another name. */
  readonly answers: readonly (readonly [boolean, boolean])[];
}

/** Lets the page use all files of a pair. */
async function cross(client: ClientPage, pair: OraclePair): Promise<Crossed> {
  const [first] = privateFiles(pair);
  const signer = await readSigner(first?.bytes ?? new Uint8Array());
  const signature = await signer.attest(CHALLENGE, "alice");
  return await inPage(
    client,
    `
    const challenge = bytes(args.challenge);
    const signatures = [], answers = [];
    for (const file of args.privates) {
      try {
        const signer = await readSigner(bytes(file));
        signatures.push(Array.from(await signer.attest(challenge, "alice")));
      } catch (error) {
        signatures.push(error.name + ": " + error.message);
      }
    }
    for (const file of args.publics) {
      const verifier = await readVerifier(bytes(file));
      const signature = bytes(args.signature);
      answers.push([
        await verifier.verify(challenge, "alice", signature),
        await verifier.verify(challenge, "bob", signature),
      ]);
    }
    return { signatures, answers };
  `,
    {
      challenge: [...CHALLENGE],
      privates: privateFiles(pair).map(({ bytes }) => [...bytes]),
      publics: publicFiles(pair).map(({ bytes }) => [...bytes]),
      signature: [...signature],
    },
  );
}

for (const [kind, pair] of [["rsa", rsaPair()], ["ecdsa", ecPair()]] as const) {
  pageTest(`a browser signs and verifies with ${kind} keys of every form`, async (client) => {
    const { signatures, answers } = await cross(client, pair);
    assertEquals(answers, publicFiles(pair).map(() => [true, false]));
    for (const [at, { name }] of privateFiles(pair).entries()) {
      const signature = signatures[at] ?? "none";
      if (typeof signature === "string") throw new Error(`${name}: ${signature}`);
      assert(verify("sha256", MESSAGE, pair.publicKey, Uint8Array.from(signature)), name);
    }
  });
}

for (const scheme of ["rsa", "ecdsa"] as const) {
  pageTest(
    `generateKeys() in a browser makes a pair of ${scheme} that Deno reads`,
    async (client) => {
      const { privatePem, publicPem, signature } = await inPage<
        { privatePem: string; publicPem: string; signature: number[] }
      >(
        client,
        `
      const made = await generateKeys(args.scheme);
      const signer = await readSigner(new TextEncoder().encode(made.privatePem));
      const signature = await signer.attest(bytes(args.challenge), "alice");
      return { ...made, signature: Array.from(signature) };
    `,
        { scheme, challenge: [...CHALLENGE] },
      );
      const verifier = await readVerifier(bytesOf(publicPem));
      assert(await verifier.verify(CHALLENGE, "alice", Uint8Array.from(signature)));
      const ours = await (await readSigner(bytesOf(privatePem))).attest(CHALLENGE, "alice");
      assert(verify("sha256", MESSAGE, publicPem, ours));
    },
  );
}

pageTest("a browser refuses damaged keys and signatures as Deno does", async (client) => {
  const rsa = rsaPair();
  const ec = ecPair();
  const lastFlipped = (bytes: Uint8Array): number[] => [
    ...bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 1),
  ];
  const outcomes = await inPage(
    client,
    `
    const names = [];
    for (const file of args.privates) names.push((await failure(readSigner(bytes(file))))?.[0]);
    for (const file of args.publics) names.push((await failure(readVerifier(bytes(file))))?.[0]);
    const answers = [];
    for (const file of args.good) {
      const verifier = await readVerifier(bytes(file));
      for (const length of [0, 1, 64, 70, 256, 257, 100000]) {
        answers.push(await verifier.verify(bytes([1]), "alice", new Uint8Array(length)));
      }
    }
    return [names, answers];
  `,
    {
      privates: [
        // The last byte of each is part of a number, or of the public half.
        lastFlipped(privateFiles(ec)[1]?.bytes ?? new Uint8Array()),
        [0x30, 37, 2, 1, 1, 4, 32, ...new Uint8Array(32)],
        [0x30, 37, 2, 1, 1, 4, 32, ...new Uint8Array(32).fill(255)],
      ],
      publics: [
        lastFlipped(publicFiles(ec)[1]?.bytes ?? new Uint8Array()),
        [...(publicFiles(rsa)[1]?.bytes ?? new Uint8Array()).subarray(1)],
        [],
      ],
      good: [...publicFiles(rsa), ...publicFiles(ec)].map(({ bytes }) => [...bytes]),
    },
  );
  assertEquals(outcomes, [new Array(6).fill("KeyError"), new Array(42).fill(false)]);
});
