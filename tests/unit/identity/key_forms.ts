import { Buffer } from "node:buffer";
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";

/** A key pair of another implementation, the oracle of these tests. */
export interface OraclePair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** One file of a key. */
export interface KeyFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** RSA of so many bits. */
export function rsaPair(modulusLength = 2048, publicExponent = 65537): OraclePair {
  return generateKeyPairSync("rsa", { modulusLength, publicExponent });
}

/** EC on a curve. */
export function ecPair(namedCurve = "P-256"): OraclePair {
  return generateKeyPairSync("ec", { namedCurve });
}

/** The bytes of a text. */
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** Bytes that are no `Buffer`. */
export function plain(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? bytesOf(value) : Uint8Array.from(value);
}

/** A PEM text, with lines of any length. */
export function pemOf(label: string, der: Uint8Array, lineChars = 64): string {
  const lines = Buffer.from(der).toString("base64").match(new RegExp(`.{1,${lineChars}}`, "g"));
  return `-----BEGIN ${label}-----\n${lines?.join("\n")}\n-----END ${label}-----\n`;
}

/** Every form in which a private key may be stored. */
export function privateFiles({ privateKey }: OraclePair): readonly KeyFile[] {
  const isRsa = privateKey.asymmetricKeyType === "rsa";
  const traditional = isRsa ? "pkcs1" : "sec1";
  return ([traditional, "pkcs8"] as const).flatMap((type) =>
    (["pem", "der"] as const).map((format) => ({
      name: `${type} ${format}`,
      bytes: plain(privateKey.export({ type, format } as { type: "pkcs8"; format: "pem" })),
    }))
  ).concat(isRsa ? [] : ecVariants(privateKey));
}

/** `30 13 06 07 ecPublicKey 06 08 prime256v1` */
const EC_ALGORITHM = Buffer.from("301306072a8648ce3d020106082a8648ce3d030107", "hex");
const P256 = Buffer.from("06082a8648ce3d030107", "hex");

/** EC keys with parts left out, as some writers do. */
function ecVariants(privateKey: KeyObject): KeyFile[] {
  const sec1 = privateKey.export({ type: "sec1", format: "der" });
  const scalar = sec1.subarray(7, 39);
  const point = sec1.subarray(-65);
  const version = Buffer.from([2, 1, 1, 4, 32, ...scalar]);
  const curve = Buffer.from([0xa0, P256.length, ...P256]);
  const publicHalf = Buffer.from([0xa1, 68, 3, 66, 0, ...point]);
  const sequence = (...parts: Buffer[]): Buffer => {
    const content = Buffer.concat(parts);
    const head = content.length < 128 ? [0x30, content.length] : [0x30, 0x81, content.length];
    return Buffer.concat([Buffer.from(head), content]);
  };
  const bare = sequence(version, publicHalf);
  const secret = sequence(version);
  const wrapped = (inner: Buffer): Buffer =>
    sequence(Buffer.from([2, 1, 0]), EC_ALGORITHM, Buffer.from([4, inner.length]), inner);
  return [
    { name: "sec1 der without curve", bytes: plain(bare) },
    { name: "sec1 der without public half", bytes: plain(sequence(version, curve)) },
    { name: "sec1 der with the scalar only", bytes: plain(secret) },
    { name: "pkcs8 der without public half", bytes: plain(wrapped(secret)) },
    { name: "pkcs8 der with the curve inside", bytes: plain(wrapped(sequence(version, curve))) },
    { name: "sec1 pem without curve", bytes: plain(pemOf("EC PRIVATE KEY", bare)) },
    {
      name: "sec1 pem behind a block of parameters",
      bytes: plain(pemOf("EC PARAMETERS", P256) + pemOf("EC PRIVATE KEY", sec1)),
    },
    {
      name: "sec1 pem without curve behind a block of parameters",
      bytes: plain(pemOf("EC PARAMETERS", P256) + pemOf("EC PRIVATE KEY", bare)),
    },
  ];
}

/** Every form in which a public key may be registered. */
export function publicFiles({ publicKey }: OraclePair): readonly KeyFile[] {
  const types = publicKey.asymmetricKeyType === "rsa" ? ["spki", "pkcs1"] : ["spki"];
  return types.flatMap((type) =>
    ["pem", "der"].map((format) => ({
      name: `${type} ${format}`,
      bytes: plain(publicKey.export({ type, format } as { type: "spki"; format: "pem" })),
    }))
  );
}

/** The same PEM as editors, mail and Windows leave it. */
export function pemSpellings(pem: string): readonly KeyFile[] {
  return [
    { name: "with CR LF", bytes: bytesOf(pem.replaceAll("\n", "\r\n")) },
    { name: "with CR", bytes: bytesOf(pem.replaceAll("\n", "\r")) },
    { name: "without the last line end", bytes: bytesOf(pem.trimEnd()) },
    { name: "with spaces at line ends", bytes: bytesOf(pem.replaceAll("\n", " \t\n")) },
    { name: "behind a byte order mark", bytes: bytesOf("\ufeff" + pem) },
    { name: "behind a comment", bytes: bytesOf("# käy of alice\n\n" + pem) },
    { name: "before other lines", bytes: bytesOf(pem + "\nBye\n") },
  ];
}

/** The pair of a private key in PEM. */
export function pairOf(privatePem: string): OraclePair {
  const privateKey = createPrivateKey(privatePem);
  return { privateKey, publicKey: createPublicKey(privateKey) };
}
