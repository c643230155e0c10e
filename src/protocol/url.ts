import { PORT_DEFAULT } from "./limits.ts";
import { checkName } from "./name.ts";

/** Where component URLs point to as far as they do not say it (spec 1.2). */
export const BASE_URL_DEFAULT: string = `ws://127.0.0.1:${PORT_DEFAULT}`;

/** A name that means "none" (spec 1.2). */
const NAME_ANONYMOUS = "__noname__";
const PORT_MAX = 65_535;

/** Parts of a URL (RFC 3986 appendix B): scheme, authority, path. Query and fragment are ignored. */
const PARTS = /^(?:([^:/?#]*):)?(?:\/\/([^/?#]*))?([^?#]*)/;
/** Parts of an authority: host, with brackets around IPv6, and port. */
const AUTHORITY = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/s;
/** Characters that the URL parser of the platform would skip, or take for the end of the host. */
const NOT_IN_HOST = /[\s\\]/;

/** Schemes of the grammar that this version cannot dial -> why. */
const UNDIALLED: ReadonlyMap<string, string> = new Map([
  ["mqtt", "MQTT is not supported"],
  ["mqtts", "MQTT is not supported"],
  ["repl", "the broker itself has no address"],
]);

/** A component URL, taken apart (spec 1.2). */
export interface ComponentUrl {
  /** What is dialled: `scheme://host:port/`. The name is not part of it: it travels in IDENTITY. */
  readonly dial: string;
  /** Name of the component; `null` for an anonymous one. */
  readonly name: string | null;
  /** The whole URL as it was meant: `scheme://host:port`, and `/name` if there is one. */
  readonly text: string;
}

type Scheme = "ws" | "wss";
/** Ports of URLs without one, where the base URL says nothing about their scheme. */
const PORTS: Readonly<Record<Scheme, number>> = { ws: PORT_DEFAULT, wss: 443 };

interface Address {
  readonly scheme: Scheme;
  readonly host: string;
  readonly port: number;
}

const ADDRESS_DEFAULT: Address = { scheme: "ws", host: "127.0.0.1", port: PORT_DEFAULT };

/**
 * Reads a component URL, `[scheme://[host][:port]][/name]` or a bare name. Scheme, host and port that
 * it leaves out come from `baseUrl`; the path of that one is ignored.
 *
 * Throws `TypeError` when one of the two cannot be dialled, or when the name breaks the rules (D30).
 */
export function parseComponentUrl(url: string, baseUrl: string = BASE_URL_DEFAULT): ComponentUrl {
  const path = PARTS.exec(url)?.[3] ?? "";
  const { scheme, host, port } = parseAddress(url, parseBase(baseUrl));
  const name = parseName(url, path);
  const origin = `${scheme}://${host}:${port}`;
  return { dial: `${origin}/`, name, text: name === null ? origin : `${origin}/${name}` };
}

function parseBase(baseUrl: string): Address {
  if (baseUrl === BASE_URL_DEFAULT) return ADDRESS_DEFAULT;
  if (!baseUrl.includes("://")) {
    throw unusable(baseUrl, `expected a base URL such as ${BASE_URL_DEFAULT}, got no scheme`);
  }
  return parseAddress(baseUrl, ADDRESS_DEFAULT);
}

function parseAddress(url: string, base: Address): Address {
  const [, text, authority] = PARTS.exec(url) ?? [];
  const scheme = text === undefined ? base.scheme : parseScheme(url, text, authority);
  // The port of a base URL is for its own scheme (spec 12.5 #80).
  const port = scheme === base.scheme ? base.port : PORTS[scheme];
  return { scheme, ...parseAuthority(url, authority ?? "", { host: base.host, port }) };
}

function parseScheme(url: string, text: string, authority: string | undefined): Scheme {
  const scheme = text.toLowerCase();
  const reason = UNDIALLED.get(scheme);
  if (reason !== undefined) throw unusable(url, `expected scheme ws or wss, as ${reason}`);
  if (scheme !== "ws" && scheme !== "wss") {
    // Most often a host and a port without a scheme.
    const hint = authority === undefined ? `; for a host write ws://${url}` : "";
    throw unusable(url, `expected scheme ws or wss, got "${text}"${hint}`);
  }
  if (authority === undefined) throw unusable(url, `expected "//" after "${text}:", got none`);
  return scheme;
}

function parseAuthority(
  url: string,
  authority: string,
  base: Pick<Address, "host" | "port">,
): { readonly host: string; readonly port: number } {
  if (authority.includes("@")) {
    throw unusable(url, "expected no user and password: components prove their names with keys");
  }
  const [, host = "", port = ""] = AUTHORITY.exec(authority) ?? [undefined, authority];
  return {
    host: host === "" ? base.host : parseHost(url, host),
    port: port === "" ? base.port : parsePort(url, port),
  };
}

/** Lower-cased, and checked by the parser that will be given the URL to dial. */
function parseHost(url: string, text: string): string {
  const hostname = NOT_IN_HOST.test(text) ? "" : URL.parse(`ws://${text}`)?.hostname ?? "";
  if (hostname === "") throw unusable(url, `expected a host, got "${text}"`);
  return hostname;
}

function parsePort(url: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > PORT_MAX) {
    throw unusable(url, `expected a port from 1 to ${PORT_MAX}, got "${text}"`);
  }
  return port;
}

function parseName(url: string, path: string): string | null {
  const name = path.startsWith("/") ? path.slice(1) : path;
  if (name === "" || name === NAME_ANONYMOUS) return null;
  const problem = checkName(name);
  if (problem !== null) throw unusable(url, `as for its name, ${problem}`);
  return name;
}

function unusable(url: string, problem: string): TypeError {
  // What stands before an @ may be a password.
  return new TypeError(`Cannot use URL "${url.replace(/\/\/[^/?#]*@/, "//")}": ${problem}`);
}
