import { CA_AS_SERVER } from "./tls_client.ts";

const UNTRUSTED = "a certificate of an authority that is not trusted; name the file of its CA by " +
  "HTTP_CA_BUNDLE, or put it into the ca directory";
const OTHER_PROTOCOL = "a TLS server that speaks another protocol, and no WebSocket";
const NO_TLS = "no TLS; a listener without it is dialled with ws://";

/** Code of an error of the TLS library -> what a person can do about it. */
const PROBLEMS: ReadonlyMap<string, string> = new Map([
  ["SELF_SIGNED_CERT_IN_CHAIN", UNTRUSTED],
  ["UNABLE_TO_GET_ISSUER_CERT", UNTRUSTED],
  ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", UNTRUSTED],
  [
    // The library has one code for all of these.
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "a certificate that cannot be verified: it has expired, is not valid yet by the clock of this machine, " +
    "is not one of a server, or its authority is none that is trusted; renew it, or name the file of its " +
    "CA by HTTP_CA_BUNDLE",
  ],
  [
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "a certificate that signed itself; make one that is signed by an authority, with " +
    "`rembus keystore init`",
  ],
  [
    CA_AS_SERVER,
    "the certificate of an authority where one of a server belongs; make one that is signed by it, " +
    "with `rembus keystore init`",
  ],
  [
    "CERT_HAS_EXPIRED",
    "a certificate that has expired, or whose authority has; renew it, unless the clock of this machine " +
    "is wrong",
  ],
  [
    "CERT_NOT_YET_VALID",
    "a certificate that is not valid yet; wait, unless the clock of this machine is wrong",
  ],
  ["CERT_REVOKED", "a certificate that was revoked"],
  ["INVALID_PURPOSE", "a certificate that is not for servers"],
  ["ERR_SSL_WRONG_VERSION_NUMBER", NO_TLS],
  ["ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL", OTHER_PROTOCOL],
]);

const OTHER_NAME_CODE = "ERR_TLS_CERT_ALTNAME_INVALID";

/**
 * What a handshake failed of, as "expected a WebSocket listener, got …" wants it; `null` when the error is none
 * of TLS that is known.
 */
export function tlsProblem(error: unknown): string | null {
  if (!(error instanceof Error && "code" in error && typeof error.code === "string")) return null;
  return error.code === OTHER_NAME_CODE ? otherName(error) : PROBLEMS.get(error.code) ?? null;
}

/** The library tells in fields of the error which name was wanted, and what it was given. */
function otherName(error: Error): string {
  const { host, cert } = error as Error & {
    readonly host?: string;
    readonly cert?: { readonly subjectaltname?: string };
  };
  const names = cert?.subjectaltname;
  const others = names === undefined || names === "" ? "" : `, but for ${names}`;
  return `a certificate that is not for "${host ?? "this host"}"${others}`;
}
