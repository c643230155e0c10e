import { DER, der, derBits, derInteger, DerReader } from "./der.ts";
import { KeyError } from "./errors.ts";
import { isPem, type PemBlock, readPem } from "./pem.ts";
import {
  EC_ALGORITHM,
  ecSpki,
  KEY_BYTES_MAX,
  readAlgorithm,
  readCurve,
  RSA_ALGORITHM,
  rsaPublicKey,
} from "./public_key.ts";

const SCALAR_BYTES = 32;
/** Primes, exponents and coefficient of an RSA key, behind modulus and public exponent (RFC 8017 A.1.2). */
const RSA_SECRET_NUMBERS = 6;
const ZERO = Uint8Array.of(0);
const ONE = Uint8Array.of(1);
const KEY_LABELS = new Set(["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"]);

/** A private key that was read, in the one form that WebCrypto takes. */
export interface PrivateKey {
  /** The algorithm, as the key itself says. */
  readonly kind: "rsa" | "ecdsa";
  /** The key as PKCS#8. */
  readonly pkcs8: Uint8Array<ArrayBuffer>;
  /** Its public half as SubjectPublicKeyInfo; `null` for an EC key that does not hold it. */
  readonly spki: Uint8Array<ArrayBuffer> | null;
}

/**
 * Reads a private key in PEM or DER: PKCS#8, PKCS#1 (RSA) or SEC1 (EC, with or without its curve). Throws
 * {@link KeyError}; an encrypted one is refused by name, since nobody could type a pass phrase when it is needed.
 */
export function readPrivateKey(bytes: Uint8Array): PrivateKey {
  if (bytes.length > KEY_BYTES_MAX) throw refused(`more than ${KEY_BYTES_MAX} bytes`);
  if (!isPem(bytes)) {
    if (bytes[0] !== DER.SEQUENCE) throw refused("neither that nor a line of text");
    return readDer(bytes);
  }
  const blocks = readPem(bytes);
  const block = blocks.find(({ label, der }) => KEY_LABELS.has(label) || der === null);
  if (block === undefined) throw refused(describe(blocks));
  if (block.der === null) throw encrypted();
  for (const { label, der } of blocks) {
    if (label === "EC PARAMETERS" && der !== null) readCurve(new DerReader(der));
  }
  return readDer(block.der);
}

/** What a PEM file without a key that we read is, in words of our own. */
function describe(blocks: readonly PemBlock[]): string {
  const labels = new Set(blocks.map(({ label }) => label));
  if (labels.has("OPENSSH PRIVATE KEY")) {
    return "the format of OpenSSH (ssh-keygen -p -m PEM converts it)";
  }
  if (labels.has("PUBLIC KEY") || labels.has("RSA PUBLIC KEY")) return "a public key";
  if (labels.has("CERTIFICATE")) return "a certificate";
  return "PEM of something else";
}

function readDer(bytes: Uint8Array): PrivateKey {
  const outer = new DerReader(bytes);
  const body = outer.enter();
  outer.end();
  // A PKCS#8 key that is encrypted begins with how it is.
  if (body.next === DER.SEQUENCE) throw encrypted();
  const version = body.integer();
  if (body.next === DER.OCTET_STRING) return readSec1(body, version);
  if (body.next === DER.INTEGER) return readPkcs1(body, version);
  return readPkcs8(body, version);
}

/** The inside of a PrivateKeyInfo (RFC 5208) or OneAsymmetricKey (RFC 5958), behind its version. */
function readPkcs8(body: DerReader, version: Uint8Array): PrivateKey {
  if (!isNumber(version, 0) && !isNumber(version, 1)) throw refused("another version of PKCS#8");
  const kind = readAlgorithm(body.enter());
  const outer = new DerReader(body.take(DER.OCTET_STRING));
  if (body.next === DER.CONTEXT_0) body.take(DER.CONTEXT_0);
  if (body.next === DER.CONTEXT_1_BITS) body.take(DER.CONTEXT_1_BITS);
  body.end();
  const inner = outer.enter();
  outer.end();
  const innerVersion = inner.integer();
  return kind === "rsa" ? readPkcs1(inner, innerVersion) : readSec1(inner, innerVersion);
}

/** The inside of an RSAPrivateKey (RFC 8017), behind its version: 0, since 1 means more than two primes. */
function readPkcs1(body: DerReader, version: Uint8Array): PrivateKey {
  if (!isNumber(version, 0)) throw refused("an RSA key of more than two primes");
  const modulus = body.integer();
  const exponent = body.integer();
  const secrets = Array.from({ length: RSA_SECRET_NUMBERS }, () => body.integer());
  body.end();
  const spki = rsaPublicKey(modulus, exponent);
  const numbers = [ZERO, modulus, exponent, ...secrets].map(derInteger);
  return { kind: "rsa", pkcs8: pkcs8(RSA_ALGORITHM, der(DER.SEQUENCE, ...numbers)), spki };
}

/** The inside of an ECPrivateKey (RFC 5915), behind its version. One that names no curve is taken as P-256. */
function readSec1(body: DerReader, version: Uint8Array): PrivateKey {
  if (!isNumber(version, 1)) throw refused("another version of an EC key");
  const scalar = body.take(DER.OCTET_STRING);
  if (body.next === DER.CONTEXT_0) {
    const curve = body.enter(DER.CONTEXT_0);
    readCurve(curve);
    curve.end();
  }
  let point: Uint8Array | null = null;
  if (body.next === DER.CONTEXT_1) {
    const bits = body.enter(DER.CONTEXT_1);
    point = bits.bits();
    bits.end();
  }
  body.end();
  if (scalar.length === 0 || scalar.length > SCALAR_BYTES) {
    throw refused("an EC key of another size");
  }
  // Old writers leave leading zeros out.
  const padded = new Uint8Array(SCALAR_BYTES);
  padded.set(scalar, SCALAR_BYTES - scalar.length);
  const key = der(
    DER.SEQUENCE,
    derInteger(ONE),
    der(DER.OCTET_STRING, padded),
    point === null ? new Uint8Array() : der(DER.CONTEXT_1, derBits(point)),
  );
  return {
    kind: "ecdsa",
    pkcs8: pkcs8(EC_ALGORITHM, key),
    spki: point === null ? null : ecSpki(point),
  };
}

function pkcs8(algorithm: Uint8Array, key: Uint8Array): Uint8Array<ArrayBuffer> {
  return der(DER.SEQUENCE, derInteger(ZERO), algorithm, der(DER.OCTET_STRING, key));
}

function isNumber(magnitude: Uint8Array, number: 0 | 1): boolean {
  return number === 0 ? magnitude.length === 0 : magnitude.length === 1 && magnitude[0] === 1;
}

function encrypted(): KeyError {
  return refused("an encrypted one: decrypt it first");
}

function refused(got: string): KeyError {
  return new KeyError(`Cannot read a private key: expected RSA or P-256 in PEM or DER, got ${got}`);
}
