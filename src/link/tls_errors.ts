/** What a text of the TLS library means -> what a person can do about it; the first that fits. */
const PROBLEMS: readonly (readonly [RegExp, string])[] = [
  [
    /UnknownIssuer/,
    "a certificate of an authority that is not trusted; name the file of its CA by HTTP_CA_BUNDLE, " +
    "or put it into the ca directory",
  ],
  [
    /Expired/,
    "a certificate that has expired; renew it, unless the clock of this machine is wrong",
  ],
  [
    /NotValidYet/,
    "a certificate that is not valid yet; wait, unless the clock of this machine is wrong",
  ],
  [
    /CaUsedAsEndEntity/,
    "the certificate of an authority where one of a server belongs; make one that is signed by it, " +
    "with `rembus keystore init`",
  ],
  [/Revoked/, "a certificate that was revoked"],
  [/BadSignature/, "a certificate that was not signed by the authority it names"],
  [/InvalidContentType|corrupt message/, "no TLS; a listener without it is dialled with ws://"],
  [
    /NoApplicationProtocol|no_application_protocol/i,
    "a TLS server that speaks another protocol, and no WebSocket",
  ],
];

const OTHER_NAME = /not valid for name "([^"]*)"(?:; certificate is only valid for (.*))?/;

/**
 * What a handshake failed of, as "expected a WebSocket listener, got …" wants it; `null` when the error is none
 * of TLS. The library tells its problems apart by their texts alone.
 */
export function tlsProblem(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const { message } = error;
  const other = OTHER_NAME.exec(message);
  if (other !== null) {
    const [, name, valid] = other;
    return `a certificate that is not for "${name}"${valid === undefined ? "" : `, but ${valid}`}`;
  }
  for (const [pattern, problem] of PROBLEMS) if (pattern.test(message)) return problem;
  const [, reason] = /invalid peer certificate: (.*)/.exec(message) ?? [];
  return reason === undefined ? null : `a certificate that cannot be used (${reason})`;
}
