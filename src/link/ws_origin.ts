import { isLoopback } from "./ws_gate.ts";

/** Whose pages may connect. Programs that are no browsers send no Origin, and always may. */
export interface OriginRule {
  /** Whether the connection came from this machine. */
  readonly isLocal: boolean;
  /** Whether the connection is encrypted, so that a browser has checked whom it talks to. */
  readonly isSecure: boolean;
  /** Origins as {@link readOrigins} gives them. */
  readonly allowed: ReadonlySet<string>;
}

/** Allows the pages of any origin. */
export const ANY_ORIGIN = "*";

const IPV4 = /^\d+\.\d+\.\d+\.\d+$/;

/**
 * Reads a list of allowed origins, such as `https://app.example.org` and `http://localhost:5173`; `*` allows any.
 * Throws `TypeError` for what is none.
 */
export function readOrigins(origins: readonly string[]): ReadonlySet<string> {
  return new Set(origins.map((given) => {
    if (given === ANY_ORIGIN) return given;
    const origin = originOf(given);
    if (origin !== null && origin.isBare) return origin.text;
    throw new TypeError(
      `Cannot allow origin "${given}": expected one such as https://app.example.org, or *, got another`,
    );
  }));
}

/**
 * Whether a page of this origin may connect (RFC 6455 10.2): a browser lets any page on the Web connect to any
 * address, that of a broker on the machine of its user included.
 *
 * Besides listed ones, pages of this machine may connect from it, and pages that come from the host and port that
 * they connect to. The latter only if that is an address, or the connection is encrypted: a name of an attacker
 * can be made to point at any broker once the page is loaded (DNS rebinding).
 */
export function isOriginAllowed(value: string, host: string, rule: OriginRule): boolean {
  if (rule.allowed.has(ANY_ORIGIN)) return true;
  const origin = originOf(value);
  if (origin === null) return false;
  if (rule.allowed.has(origin.text)) return true;
  if (rule.isLocal && isLocalName(origin.hostname)) return true;
  const isBound = rule.isSecure || isAddress(origin.hostname);
  return isBound && origin.host === hostOf(origin.protocol, host);
}

interface Origin {
  readonly text: string;
  readonly protocol: string;
  readonly host: string;
  readonly hostname: string;
  /** Whether nothing stands behind the host. */
  readonly isBare: boolean;
}

/** Reads an origin; `null` for `null`, which is what a page without one sends, and for other texts. */
function originOf(text: string): Origin | null {
  const url = URL.parse(text);
  if (url === null || url.host === "") return null;
  const { protocol, host, hostname, pathname, search, hash, username } = url;
  const isBare = (pathname === "" || pathname === "/") && `${search}${hash}${username}` === "";
  return { text: `${protocol}//${host}`, protocol, host, hostname, isBare };
}

/** A Host header as the URL of an origin would have it: without the port that is usual there. */
function hostOf(protocol: string, header: string): string | null {
  const url = URL.parse(`${protocol}//${header}`);
  return url === null || url.username !== "" || url.pathname.length > 1 ? null : url.host;
}

function isLocalName(hostname: string): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost") ||
    isLoopback(hostname.replace(/^\[(.*)\]$/, "$1"));
}

function isAddress(hostname: string): boolean {
  return hostname.startsWith("[") || IPV4.test(hostname);
}
