import { DER, der, derBits, derInteger, DerReader } from "./der.ts";
import { KeyError } from "./errors.ts";
import { equalBytes } from "./attestation.ts";
import { isOnP256 } from "./p256.ts";
import { isPem, readPem } from "./pem.ts";

/** A file with more bytes is no key: 8192 bit of RSA in PEM are 6.5 KiB, and comments may be around it. */
export const KEY_BYTES_MAX = 32_768;
/** Shorter RSA keys can be broken. */
export const RSA_BITS_MIN = 2048;
/** Longer ones would let a peer choose how much a login costs the broker. */
export const RSA_BITS_MAX = 8192;
/** The same reason: an exponent has at most 32 bit; nearly all are 65537. */
const EXPONENT_BYTES_MAX = 4;
/** 1.2.840.113549.1.1.1, rsaEncryption. */
const OID_RSA = Uint8Array.of(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01);
/** 1.2.840.10045.2.1, ecPublicKey. */
const OID_EC = Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01);
/** 1.2.840.10045.3.1.7, prime256v1: P-256. */
const OID_P256 = Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07);
/** An uncompressed point: 4, x, y. */
const POINT_BYTES = 65;
const NUMBER_BYTES = 32;
const UNCOMPRESSED = 0x04;

/** What kind of key some bytes hold, and in which form: how a file of it is called. */
export interface KeyForm {
  /** The algorithm, as the key itself says. */
  readonly kind: "rsa" | "ecdsa";
  /** How it is written. */
  readonly format: "pem" | "der";
}

/** A public key that was read and whose size and curve are allowed. */
export interface PublicKey extends KeyForm {
  /** The key as SubjectPublicKeyInfo. */
  readonly spki: Uint8Array<ArrayBuffer>;
}

/** Reads a public key in PEM or DER, as SubjectPublicKeyInfo or PKCS#1. Throws {@link KeyError}. */
export function readPublicKey(bytes: Uint8Array): PublicKey {
  if (bytes.length === 0) throw refused("an empty one");
  if (bytes.length > KEY_BYTES_MAX) throw refused(`more than ${KEY_BYTES_MAX} bytes`);
  if (!isPem(bytes)) {
    if (bytes[0] !== DER.SEQUENCE) throw refused("something else");
    return { ...readDer(bytes), format: "der" };
  }
  const blocks = readPem(bytes);
  if (blocks.some(({ label }) => label.endsWith("PRIVATE KEY"))) throw refused("a private key");
  for (const { label, der } of blocks) {
    const isKey = label === "PUBLIC KEY" || label === "RSA PUBLIC KEY";
    if (isKey && der !== null) return { ...readDer(der), format: "pem" };
  }
  throw refused("PEM of something else");
}

/** Kind and form of a public key, for the name of its file. Throws {@link KeyError} as {@link readPublicKey}. */
export function keyFormOf(bytes: Uint8Array): KeyForm {
  const { kind, format } = readPublicKey(bytes);
  return { kind, format };
}

function readDer(bytes: Uint8Array): { kind: "rsa" | "ecdsa"; spki: Uint8Array<ArrayBuffer> } {
  const outer = new DerReader(bytes);
  const body = outer.enter();
  outer.end();
  // PKCS#1 begins with the modulus, SubjectPublicKeyInfo with the algorithm.
  if (body.next === DER.INTEGER) return { kind: "rsa", spki: rsaSpki(body) };
  const kind = readAlgorithm(body.enter());
  const key = body.bits();
  body.end();
  if (kind === "ecdsa") return { kind, spki: ecSpki(key) };
  const inner = new DerReader(key);
  const spki = rsaSpki(inner.enter());
  inner.end();
  return { kind, spki };
}

/** The kind of key that an AlgorithmIdentifier names. Throws {@link KeyError} for all but RSA and P-256. */
export function readAlgorithm(algorithm: DerReader): "rsa" | "ecdsa" {
  const oid = algorithm.take(DER.OBJECT_ID);
  if (equalBytes(oid, OID_RSA)) {
    // Some writers leave the parameters out.
    if (algorithm.next !== null) algorithm.take(DER.NULL);
    algorithm.end();
    return "rsa";
  }
  if (!equalBytes(oid, OID_EC)) {
    throw new KeyError("Cannot use a key: expected RSA or ECDSA P-256, got another algorithm");
  }
  readCurve(algorithm);
  algorithm.end();
  return "ecdsa";
}

/** Proves that the next element names P-256. Throws {@link KeyError} for any other curve. */
export function readCurve(reader: DerReader): void {
  if (reader.next !== DER.OBJECT_ID || !equalBytes(reader.take(DER.OBJECT_ID), OID_P256)) {
    throw new KeyError("Cannot use an EC key: expected the named curve P-256, got another curve");
  }
}

/** RSA as SubjectPublicKeyInfo, from the inside of an RSAPublicKey. */
function rsaSpki(body: DerReader): Uint8Array<ArrayBuffer> {
  const modulus = body.integer();
  const exponent = body.integer();
  body.end();
  return rsaPublicKey(modulus, exponent);
}

/** RSA as SubjectPublicKeyInfo. Throws {@link KeyError} when its size or its exponent is not allowed. */
export function rsaPublicKey(modulus: Uint8Array, exponent: Uint8Array): Uint8Array<ArrayBuffer> {
  const [first = 0, ...rest] = modulus;
  const bits = rest.length * 8 + 32 - Math.clz32(first);
  if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX) {
    throw new KeyError(
      `Cannot use an RSA key: expected ${RSA_BITS_MIN} to ${RSA_BITS_MAX} bit, got ${bits} bit`,
    );
  }
  const isOdd = (bytes: Uint8Array): boolean => (bytes[bytes.length - 1] ?? 0) % 2 === 1;
  const isOne = exponent.length === 1 && exponent[0] === 1;
  // With exponent 1 anybody could sign.
  if (!isOdd(modulus) || !isOdd(exponent) || isOne || exponent.length > EXPONENT_BYTES_MAX) {
    throw new KeyError(
      "Cannot use an RSA key: expected odd numbers and an exponent from 3 to 2^32, got others",
    );
  }
  return der(
    DER.SEQUENCE,
    RSA_ALGORITHM,
    derBits(der(DER.SEQUENCE, derInteger(modulus), derInteger(exponent))),
  );
}

/** A point of P-256 as SubjectPublicKeyInfo. Throws {@link KeyError} unless it is one, in uncompressed form. */
export function ecSpki(point: Uint8Array): Uint8Array<ArrayBuffer> {
  if (point.length !== POINT_BYTES || point[0] !== UNCOMPRESSED) {
    throw new KeyError(
      `Cannot use an EC key: expected an uncompressed point of ${POINT_BYTES} bytes, got another form`,
    );
  }
  const numbers = point.subarray(1);
  // Not every runtime looks, and a point elsewhere has weaker keys.
  if (!isOnP256(numbers.subarray(0, NUMBER_BYTES), numbers.subarray(NUMBER_BYTES))) {
    throw new KeyError("Cannot use an EC key: expected a point of P-256, got one that is damaged");
  }
  return der(DER.SEQUENCE, EC_ALGORITHM, derBits(point));
}

/** AlgorithmIdentifier of RSA keys. */
export const RSA_ALGORITHM: Uint8Array<ArrayBuffer> = der(
  DER.SEQUENCE,
  der(DER.OBJECT_ID, OID_RSA),
  der(DER.NULL),
);
/** AlgorithmIdentifier of EC keys on P-256. */
export const EC_ALGORITHM: Uint8Array<ArrayBuffer> = der(
  DER.SEQUENCE,
  der(DER.OBJECT_ID, OID_EC),
  der(DER.OBJECT_ID, OID_P256),
);

function refused(got: string): KeyError {
  return new KeyError(`Cannot read a public key: expected RSA or P-256 in PEM or DER, got ${got}`);
}
