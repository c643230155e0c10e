import { UPGRADE_BYTES_MAX, UPGRADE_HEADERS_MAX } from "./limits.ts";
import { HeaderLines, headLines, isCleanLine } from "./ws_head.ts";
import { isOriginAllowed, type OriginRule } from "./ws_origin.ts";

/** Why a request is not upgraded, as HTTP says it. */
export interface Refusal {
  /** Status of the answer. */
  readonly status: number;
  /** What stands behind the status. */
  readonly phrase: string;
  /** One sentence for people. */
  readonly text: string;
  /** More headers of the answer. */
  readonly headers: readonly string[];
}

/** What came of a request to upgrade. */
export type UpgradeRequest =
  | { readonly kind: "accepted"; readonly key: string }
  | { readonly kind: "refused"; readonly refusal: Refusal };

const PHRASES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  405: "Method Not Allowed",
  408: "Request Timeout",
  426: "Upgrade Required",
  431: "Request Header Fields Too Large",
  505: "HTTP Version Not Supported",
};
/** What the accept key is made with (RFC 6455 1.3). */
const KEY_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) (\S+) HTTP\/(\d\.\d)$/;
/** Base64 of 16 bytes. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

const encoder = new TextEncoder();

/** The text of the answer when somebody comes with a browser or without WebSocket. */
const NO_UPGRADE = "Cannot serve a plain HTTP request: expected a WebSocket upgrade, got none";

/** Does not repeat the origin: it is the text of a stranger. */
const WRONG_ORIGIN = "expected an allowed Origin, got another; allow the page with --origin";

/** Whether bytes can be the beginning of a request. TLS, for example, cannot. */
export function looksLikeRequest(bytes: Uint8Array): boolean {
  const [first = 0] = bytes;
  return first > 0x20 && first < 0x7f;
}

/** Reads a whole request, empty line included (RFC 6455 4.2.1). Any path will do. */
export function readUpgrade(bytes: Uint8Array, rule: OriginRule): UpgradeRequest {
  const { first, fields } = headLines(bytes);
  const refusal = refuseRequestLine(first) ?? refuseCount(fields.length);
  if (refusal !== null) return { kind: "refused", refusal };
  const headers = HeaderLines.from(fields);
  return headers === null
    ? refused(400, "expected header lines of name, colon and value")
    : readHeaders(headers, rule);
}

/** The answer that makes the connection a WebSocket. Offers of extensions and subprotocols are declined. */
export async function upgradeAnswer(key: string): Promise<Uint8Array<ArrayBuffer>> {
  const accept = await acceptKey(key);
  return encoder.encode(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
}

/** What proves that a request with this key was read by who speaks WebSocket (RFC 6455 4.2.2). */
export async function acceptKey(key: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-1", encoder.encode(key + KEY_GUID));
  return btoa(String.fromCharCode(...new Uint8Array(digest)));
}

/** The answer to a request that is not upgraded. */
export function refusalAnswer({ status, phrase, text, headers }: Refusal): Uint8Array<ArrayBuffer> {
  const body = `${text}\n`;
  const lines = [
    `HTTP/1.1 ${status} ${phrase}`,
    ...headers,
    headers.some((line) => line.startsWith("Upgrade:"))
      ? "Connection: Upgrade, close"
      : "Connection: close",
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${body.length}`,
  ];
  return encoder.encode(`${lines.join("\r\n")}\r\n\r\n${body}`);
}

/** The refusal of a request that grew too large before it ended. */
export function tooLarge(): Refusal {
  return makeRefusal(431, `expected a request of at most ${UPGRADE_BYTES_MAX} bytes, got more`);
}

/** The refusal of a request that did not end in time. */
export function tooSlow(ms: number): Refusal {
  return makeRefusal(408, `expected a request within ${ms} ms, got none`);
}

/** The refusal of bytes that are no request. */
export function notHttp(): Refusal {
  return makeRefusal(400, "expected an HTTP request, got other bytes");
}

function readHeaders(headers: HeaderLines, rule: OriginRule): UpgradeRequest {
  const [host, ...hosts] = headers.all("host");
  if (host === undefined || hosts.length > 0) return refused(400, "expected one Host header");
  const hasBody = headers.all("transfer-encoding").length > 0 ||
    headers.all("content-length").some((length) => length !== "0");
  if (hasBody) return refused(400, "expected a request without a body");
  if (!headers.hasToken("upgrade", "websocket") || !headers.hasToken("connection", "upgrade")) {
    const refusal = makeRefusal(426, "", ["Upgrade: websocket", "Sec-WebSocket-Version: 13"]);
    return { kind: "refused", refusal: { ...refusal, text: NO_UPGRADE } };
  }
  const versions = headers.all("sec-websocket-version");
  if (versions.length !== 1 || versions[0] !== "13") {
    return refused(426, "expected Sec-WebSocket-Version 13, got another", [
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
    ]);
  }
  const [key = "", ...more] = headers.all("sec-websocket-key");
  if (more.length > 0 || !KEY.test(key)) {
    return refused(400, "expected one Sec-WebSocket-Key of 16 bytes in base64");
  }
  const origins = headers.all("origin");
  const isAllowed = origins.length === 0 ||
    (origins.length === 1 && isOriginAllowed(origins[0] ?? "", host, rule));
  return isAllowed ? { kind: "accepted", key } : refused(403, WRONG_ORIGIN);
}

function refuseRequestLine(line: string): Refusal | null {
  const match = isCleanLine(line) ? REQUEST_LINE.exec(line) : null;
  if (match === null) return notHttp();
  const [, method, , version] = match;
  if (version !== "1.1") return makeRefusal(505, `expected HTTP/1.1, got HTTP/${version}`);
  if (method !== "GET") return makeRefusal(405, "expected GET, got another method", ["Allow: GET"]);
  return null;
}

function refuseCount(count: number): Refusal | null {
  return count <= UPGRADE_HEADERS_MAX
    ? null
    : makeRefusal(431, `expected at most ${UPGRADE_HEADERS_MAX} header lines, got ${count}`);
}

function refused(
  status: number,
  wanted: string,
  headers: readonly string[] = [],
): UpgradeRequest {
  return { kind: "refused", refusal: makeRefusal(status, wanted, headers) };
}

function makeRefusal(status: number, wanted: string, headers: readonly string[] = []): Refusal {
  return {
    status,
    phrase: PHRASES[status] ?? "",
    text: `Cannot upgrade to WebSocket: ${wanted}`,
    headers,
  };
}
