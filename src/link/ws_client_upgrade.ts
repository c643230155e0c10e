import { UPGRADE_HEADERS_MAX } from "./limits.ts";
import { HeaderLines, headLines, isCleanLine } from "./ws_head.ts";

/** Where a request to upgrade goes. */
export interface UpgradeTarget {
  /** Host as it stands in a URL, and the port unless it is 80. */
  readonly host: string;
  /** Path and query, percent-encoded. */
  readonly path: string;
}

/** What came of an answer. */
export type UpgradeAnswer =
  | { readonly kind: "upgraded" }
  /** `problem` reads "expected …, got …". */
  | { readonly kind: "refused"; readonly status: number | null; readonly problem: string };

const STATUS_SWITCHING = 101;
const STATUS_LINE = /^HTTP\/1\.([01]) (\d{3})(?: (.*))?$/;
const ANSWER_BEGINS = "HTTP/1.";
/** Characters of the phrase of an answer that an error repeats. Exceeded: cut. */
const PHRASE_CHARACTERS_MAX = 100;
/** A key is as many random bytes, in base64 (RFC 6455 4.1). */
const KEY_BYTES = 16;

const encoder = new TextEncoder();

/** A key for one request, random. */
export function newRequestKey(): string {
  return btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(KEY_BYTES))));
}

/** A request to upgrade (RFC 6455 4.1), without extensions and subprotocols. */
export function requestUpgrade(
  { host, path }: UpgradeTarget,
  key: string,
): Uint8Array<ArrayBuffer> {
  return encoder.encode(
    `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`,
  );
}

/** Whether bytes can be the beginning of an answer. */
export function looksLikeAnswer(bytes: Uint8Array): boolean {
  const length = Math.min(bytes.length, ANSWER_BEGINS.length);
  for (let at = 0; at < length; at++) {
    if (bytes[at] !== ANSWER_BEGINS.charCodeAt(at)) return false;
  }
  return true;
}

/** Reads a whole answer, empty line included (RFC 6455 4.1). `accept` is what belongs to the key that was sent. */
export function readAnswer(bytes: Uint8Array, accept: string): UpgradeAnswer {
  const { first, fields } = headLines(bytes);
  const match = isCleanLine(first) ? STATUS_LINE.exec(first) : null;
  if (match === null) return refused(null, "expected an HTTP status line, got another");
  const [, minor, code, phrase = ""] = match;
  const status = Number(code);
  if (status !== STATUS_SWITCHING) {
    const got = `${status} ${phrase.slice(0, PHRASE_CHARACTERS_MAX)}`.trimEnd();
    return refused(status, `expected status ${STATUS_SWITCHING}, got ${got}`);
  }
  if (minor !== "1") return refused(status, "expected HTTP/1.1, got HTTP/1.0");
  if (fields.length > UPGRADE_HEADERS_MAX) {
    return refused(
      status,
      `expected at most ${UPGRADE_HEADERS_MAX} header lines, got ${fields.length}`,
    );
  }
  const headers = HeaderLines.from(fields);
  const problem = headers === null
    ? "expected header lines of name, colon and value, got others"
    : findProblem(headers, accept);
  return problem === null ? { kind: "upgraded" } : refused(status, problem);
}

function findProblem(headers: HeaderLines, accept: string): string | null {
  const upgrade = headers.all("upgrade");
  if (upgrade.length !== 1 || upgrade[0]?.toLowerCase() !== "websocket") {
    return "expected one Upgrade header that is websocket, got another or none";
  }
  if (!headers.hasToken("connection", "upgrade")) {
    return "expected a Connection header with upgrade, got another or none";
  }
  const accepts = headers.all("sec-websocket-accept");
  if (accepts.length !== 1 || accepts[0] !== accept) {
    return "expected the Sec-WebSocket-Accept of our key, got another or none";
  }
  // Frames would mean something else than what we read.
  for (const name of ["Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"]) {
    if (headers.all(name.toLowerCase()).some((value) => value !== "")) {
      return `expected no ${name}, as none was asked for, got one`;
    }
  }
  return null;
}

function refused(status: number | null, problem: string): UpgradeAnswer {
  return { kind: "refused", status, problem };
}
