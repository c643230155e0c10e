import { isIP } from "node:net";
import type { Duplex } from "node:stream";
import {
  checkServerIdentity,
  connect,
  createSecureContext,
  type PeerCertificate,
  type SecureContext,
  type TLSSocket,
} from "node:tls";

/** Whom a handshake has to lead to. */
export interface TlsTarget {
  /** Host name, or address without brackets, that the certificate has to be for. */
  readonly hostname: string;
  /** Authorities that are trusted besides those that the runtime knows, in PEM. */
  readonly caCerts: readonly string[];
}

/** Code of the error for a certificate of an authority where that of a server belongs. */
export const CA_AS_SERVER = "REMBUS_TLS_CA_AS_SERVER";

/** What a context trusts, as far as it is used here; the types of the library leave it open. */
interface TrustStore {
  /** Adds to what is trusted; the `ca` of a context would take the place of what the runtime knows. */
  addCACert(pem: string): void;
}

/**
 * What handshakes of a client are made with: it trusts what `Deno.connectTls` would, `DENO_CERT` and
 * `DENO_TLS_CA_STORE` included, and these authorities.
 * A text that is no certificate adds nothing.
 */
export function clientContext(caCerts: readonly string[]): SecureContext {
  const context = createSecureContext({ minVersion: "TLSv1.2" });
  const store: TrustStore = context.context;
  for (const pem of caCerts) store.addCACert(pem);
  return context;
}

/**
 * Begins the handshake of a client over a connection. The socket says `secureConnect` once everything is checked:
 * the chain and the dates by the TLS library, the name by {@link checkIdentity}. Nothing turns that off, neither an
 * option nor the environment.
 */
export function connectTls(connection: Duplex, { hostname, caCerts }: TlsTarget): TLSSocket {
  return connect({
    socket: connection,
    host: hostname,
    // An address is not told: RFC 6066 3.
    ...(isIP(hostname) === 0 ? { servername: hostname } : {}),
    secureContext: clientContext(caCerts),
    // Said, as NODE_TLS_REJECT_UNAUTHORIZED would decide otherwise.
    rejectUnauthorized: true,
    // Not the name that it is called with: the library puts one of its own in the place of an empty one.
    checkServerIdentity: (_name, certificate) => checkIdentity(hostname, certificate),
  });
}

/**
 * What is wrong with a certificate as that of this host; its chain and dates are checked elsewhere. Stricter than
 * the check of Node, as that of Deno is:
 *
 * - The common name is none that counts (RFC 9525 2).
 * - The certificate of an authority is none of a server, even when that authority is trusted. One that signed
 *   itself, is that of no authority, and is among `caCerts`, is good.
 */
export function checkIdentity(hostname: string, certificate: PeerCertificate): Error | undefined {
  if (certificate.ca) {
    const error = new Error("The certificate is that of an authority, not of a server");
    return Object.assign(error, { code: CA_AS_SERVER });
  }
  return checkServerIdentity(hostname, {
    ...certificate,
    subject: { ...certificate.subject, CN: "" },
  });
}
