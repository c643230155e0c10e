import type { Certificate, Extension, GeneralName } from "npm:pkijs@4.0.0";
import { checkHost, ipBytes, ipText } from "./host_names.ts";

/** A certificate and the key that belongs to it, both in PEM; the key in PKCS#8. */
export interface KeyedCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** What a certificate says. */
export interface CertificateFacts {
  /** Common name of whom it is for. */
  readonly subject: string;
  /** Common name of who signed it. */
  readonly issuer: string;
  /** Host names and addresses that it is good for. */
  readonly names: readonly string[];
  /** When it begins to be good. */
  readonly notBefore: Date;
  /** When it ends to be good. */
  readonly notAfter: Date;
  /** Whether it may sign others. */
  readonly isAuthority: boolean;
}

/** What a certificate of a broker is made of. */
export interface LeafRequest {
  /** Who signs it. */
  readonly authority: KeyedCertificate;
  /** Host names, `*.plant.example` included, and addresses that clients connect to; at least one. */
  readonly names: readonly string[];
  /** How long it is good; never longer than its authority. */
  readonly days: number;
  /** The time it begins, less an hour for clocks that differ. */
  readonly now: Date;
}

const DAY_MS = 86_400_000;
const CLOCK_DIFFERENCE_MS = 3_600_000;
/** X.509 writes whole seconds. */
const SECOND_MS = 1_000;
const SERIAL_BYTES = 16;
const PEM_LINE = 64;
/** The most characters that X.509 lets a common name have; nobody checks it, as there are alternative names. */
const COMMON_NAME_MAX = 64;
const NAME_LONG = "rembus";
const CURVE = { name: "ECDSA", namedCurve: "P-256" } as const;
const HASH = "SHA-256";

const OID = {
  COMMON_NAME: "2.5.4.3",
  SUBJECT_KEY_ID: "2.5.29.14",
  KEY_USAGE: "2.5.29.15",
  SUBJECT_ALT_NAME: "2.5.29.17",
  BASIC_CONSTRAINTS: "2.5.29.19",
  AUTHORITY_KEY_ID: "2.5.29.35",
  EXTENDED_KEY_USAGE: "2.5.29.37",
  SERVER_AUTH: "1.3.6.1.5.5.7.3.1",
} as const;
/** Types of a GeneralName (RFC 5280, 4.2.1.6). */
const NAME_TYPE = { DNS: 2, IP: 7 } as const;
/** First octet of KeyUsage (RFC 5280, 4.2.1.3), and how many of its last bits are unused. */
const USAGE_AUTHORITY = { bits: 0b0000_0110, unused: 1 } as const;
const USAGE_LEAF = { bits: 0b1000_0000, unused: 7 } as const;

/** The library that writes and reads X.509, loaded by those who use it. */
async function load() {
  const [pki, asn1] = await Promise.all([import("npm:pkijs@4.0.0"), import("npm:asn1js@4.0.0")]);
  return { pki, asn1 };
}
type Library = Awaited<ReturnType<typeof load>>;

/** Makes a certificate authority: a new key (ECDSA P-256), and a certificate that it signed itself. */
export async function createAuthority(
  { subject, days, now }: { readonly subject: string; readonly days: number; readonly now: Date },
): Promise<KeyedCertificate> {
  const library = await load();
  const keys = await generateKeys();
  const certificate = blank(library, { subject, issuer: subject, now });
  certificate.notAfter.value = later(certificate.notBefore.value, days);
  await certificate.subjectPublicKeyInfo.importKey(keys.publicKey);
  const keyId = await keyIdOf(certificate);
  certificate.extensions = [
    constraints(library, true),
    usage(library, USAGE_AUTHORITY),
    subjectKeyId(library, keyId),
  ];
  await certificate.sign(keys.privateKey, HASH);
  return { certificate: certificatePem(certificate), key: await keyPem(keys.privateKey) };
}

/**
 * Makes the certificate of a broker, with a new key (ECDSA P-256), signed by an authority. The text is the chain:
 * its own certificate, then that of the authority.
 *
 * @throws {TypeError} For a name that is no host name and no address, and for an authority that is none.
 */
export async function createLeaf(request: LeafRequest): Promise<KeyedCertificate> {
  const { authority, names, days, now } = request;
  const [first] = names;
  if (first === undefined) {
    throw new TypeError("Cannot make a certificate: expected names, got none");
  }
  const library = await load();
  const signer = parse(library, authority.certificate);
  if (!isAuthority(library, signer)) {
    throw new TypeError(
      `Cannot sign a certificate: expected that of an authority, got that of "${
        subjectOf(signer)
      }"`,
    );
  }
  const keys = await generateKeys();
  const subject = first.length > COMMON_NAME_MAX ? NAME_LONG : first;
  const certificate = blank(library, { subject, issuer: subjectOf(signer), now });
  certificate.issuer = signer.subject;
  const wanted = later(certificate.notBefore.value, days);
  certificate.notAfter.value = wanted < signer.notAfter.value ? wanted : signer.notAfter.value;
  await certificate.subjectPublicKeyInfo.importKey(keys.publicKey);
  certificate.extensions = [
    constraints(library, false),
    usage(library, USAGE_LEAF),
    serverAuth(library),
    altNames(library, names),
    subjectKeyId(library, await keyIdOf(certificate)),
    authorityKeyId(library, await keyIdOf(signer)),
  ];
  await certificate.sign(await importKey(authority.key), HASH);
  const chain = certificatePem(certificate) + certificatePem(signer);
  return { certificate: chain, key: await keyPem(keys.privateKey) };
}

/**
 * Reads the first certificate of a PEM text.
 *
 * @throws {TypeError} When there is none, or it is damaged.
 */
export async function readCertificate(pem: string): Promise<CertificateFacts> {
  const library = await load();
  const certificate = parse(library, pem);
  return {
    subject: subjectOf(certificate),
    issuer: commonName(certificate.issuer.typesAndValues),
    names: namesOf(library, certificate),
    notBefore: certificate.notBefore.value,
    notAfter: certificate.notAfter.value,
    isAuthority: isAuthority(library, certificate),
  };
}

function generateKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(CURVE, true, ["sign", "verify"]);
}

/** A certificate with everything but an end, a key and extensions. */
function blank(
  { pki, asn1 }: Library,
  { subject, issuer, now }: {
    readonly subject: string;
    readonly issuer: string;
    readonly now: Date;
  },
): Certificate {
  const certificate = new pki.Certificate();
  const name = (text: string) =>
    new pki.AttributeTypeAndValue({
      type: OID.COMMON_NAME,
      value: new asn1.Utf8String({ value: text }),
    });
  certificate.version = 2;
  certificate.serialNumber = new asn1.Integer({ valueHex: serial().buffer });
  certificate.subject.typesAndValues.push(name(subject));
  certificate.issuer.typesAndValues.push(name(issuer));
  const start = now.getTime() - CLOCK_DIFFERENCE_MS;
  certificate.notBefore.value = new Date(start - start % SECOND_MS);
  return certificate;
}

/** Above zero and without a first byte that could be left out (RFC 5280, 4.1.2.2). */
function serial(): Uint8Array<ArrayBuffer> {
  const bytes = crypto.getRandomValues(new Uint8Array(SERIAL_BYTES));
  bytes[0] = (bytes[0] ?? 0) & 0x3f | 0x40;
  return bytes;
}

function later(from: Date, days: number): Date {
  return new Date(from.getTime() + days * DAY_MS);
}

/** The first method of RFC 5280, 4.2.1.2: SHA-1 of the public key. */
async function keyIdOf({ subjectPublicKeyInfo }: Certificate): Promise<ArrayBuffer> {
  const { valueBlock } = subjectPublicKeyInfo.subjectPublicKey;
  return await crypto.subtle.digest("SHA-1", valueBlock.valueHexView.slice());
}

interface ExtensionParts {
  readonly id: string;
  readonly value: ArrayBuffer;
  readonly critical?: boolean;
}

function extension({ pki }: Library, { id, value, critical = false }: ExtensionParts): Extension {
  return new pki.Extension({ extnID: id, critical, extnValue: value });
}

function constraints(library: Library, cA: boolean): Extension {
  const value = new library.pki.BasicConstraints(cA ? { cA, pathLenConstraint: 0 } : { cA });
  return extension(library, {
    id: OID.BASIC_CONSTRAINTS,
    critical: true,
    value: value.toSchema().toBER(),
  });
}

function usage(
  library: Library,
  { bits, unused }: { readonly bits: number; readonly unused: number },
): Extension {
  const value = new library.asn1.BitString({
    valueHex: new Uint8Array([bits]).buffer,
    unusedBits: unused,
  });
  return extension(library, { id: OID.KEY_USAGE, critical: true, value: value.toBER() });
}

function serverAuth(library: Library): Extension {
  const value = new library.pki.ExtKeyUsage({ keyPurposes: [OID.SERVER_AUTH] });
  return extension(library, { id: OID.EXTENDED_KEY_USAGE, value: value.toSchema().toBER() });
}

function subjectKeyId(library: Library, keyId: ArrayBuffer): Extension {
  const value = new library.asn1.OctetString({ valueHex: keyId });
  return extension(library, { id: OID.SUBJECT_KEY_ID, value: value.toBER() });
}

function authorityKeyId(library: Library, keyId: ArrayBuffer): Extension {
  const value = new library.pki.AuthorityKeyIdentifier({
    keyIdentifier: new library.asn1.OctetString({ valueHex: keyId }),
  });
  return extension(library, { id: OID.AUTHORITY_KEY_ID, value: value.toSchema().toBER() });
}

function altNames(library: Library, names: readonly string[]): Extension {
  const value = new library.pki.AltName({ altNames: names.map((name) => altName(library, name)) });
  return extension(library, { id: OID.SUBJECT_ALT_NAME, value: value.toSchema().toBER() });
}

function altName({ pki, asn1 }: Library, name: string): GeneralName {
  const address = ipBytes(name);
  if (address !== null) {
    const value = new asn1.OctetString({ valueHex: address.buffer });
    return new pki.GeneralName({ type: NAME_TYPE.IP, value });
  }
  const problem = checkHost(name);
  if (problem !== null) throw new TypeError(`Cannot make a certificate: ${problem}`);
  return new pki.GeneralName({ type: NAME_TYPE.DNS, value: name });
}

function namesOf({ pki }: Library, { extensions = [] }: Certificate): string[] {
  const found = extensions.find(({ extnID }) => extnID === OID.SUBJECT_ALT_NAME)?.parsedValue;
  if (!(found instanceof pki.AltName)) return [];
  return found.altNames.flatMap(({ type, value }) => {
    if (type === NAME_TYPE.DNS) return [String(value)];
    return type === NAME_TYPE.IP ? [ipText(value.valueBlock.valueHexView)] : [];
  });
}

function isAuthority({ pki }: Library, { extensions = [] }: Certificate): boolean {
  const found = extensions.find(({ extnID }) => extnID === OID.BASIC_CONSTRAINTS)?.parsedValue;
  return found instanceof pki.BasicConstraints && found.cA;
}

function subjectOf({ subject }: Certificate): string {
  return commonName(subject.typesAndValues);
}

function commonName(
  parts: readonly { readonly type: string; readonly value: { readonly valueBlock: unknown } }[],
): string {
  const block = parts.find(({ type }) => type === OID.COMMON_NAME)?.value.valueBlock;
  const isText = typeof block === "object" && block !== null && "value" in block;
  return isText ? String(block.value) : "";
}

function parse({ pki }: Library, pem: string): Certificate {
  const der = fromPem(pem, "CERTIFICATE");
  if (der === null) throw new TypeError("Cannot read the certificate: expected PEM, got none");
  try {
    return pki.Certificate.fromBER(der);
  } catch (error) {
    throw new TypeError("Cannot read the certificate: expected X.509, got something damaged", {
      cause: error,
    });
  }
}

async function importKey(pem: string): Promise<CryptoKey> {
  const der = fromPem(pem, "PRIVATE KEY");
  if (der === null) throw new TypeError("Cannot read the private key: expected PKCS#8 in PEM");
  return await crypto.subtle.importKey("pkcs8", der, CURVE, true, ["sign"]);
}

async function keyPem(key: CryptoKey): Promise<string> {
  return toPem(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}

function certificatePem(certificate: Certificate): string {
  return toPem(certificate.toSchema().toBER(), "CERTIFICATE");
}

function toPem(der: ArrayBuffer, label: string): string {
  const base64 = new Uint8Array(der).toBase64();
  const lines = base64.match(new RegExp(`.{1,${PEM_LINE}}`, "g")) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

/** The first block of that label; `null` without one. */
function fromPem(pem: string, label: string): ArrayBuffer | null {
  const [, base64] = new RegExp(`-----BEGIN ${label}-----([^-]*)-----END ${label}-----`)
    .exec(pem) ?? [];
  if (base64 === undefined) return null;
  try {
    return Uint8Array.fromBase64(base64).buffer;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
