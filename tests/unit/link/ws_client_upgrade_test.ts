import { assert, assertEquals } from "@std/assert";
import {
  looksLikeAnswer,
  newRequestKey,
  readAnswer,
  requestUpgrade,
} from "../../../src/link/ws_client_upgrade.ts";
import { acceptKey, readUpgrade } from "../../../src/link/ws_upgrade.ts";
import { utf8 } from "../../helpers/ws_frame.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const HEADERS: Readonly<Record<string, string>> = {
  Upgrade: "websocket",
  Connection: "Upgrade",
  "Sec-WebSocket-Accept": ACCEPT,
};

interface AnswerParts {
  readonly line?: string;
  /** Added to or put in the place of the usual headers; `null` leaves one out. */
  readonly headers?: Readonly<Record<string, string | null>>;
  /** More lines, as they are. */
  readonly lines?: readonly string[];
}

function answer(
  { line = "HTTP/1.1 101 Switching Protocols", headers = {}, lines = [] }: AnswerParts,
): Uint8Array {
  const fields = Object.entries({ ...HEADERS, ...headers })
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}: ${value}`);
  return utf8([line, ...fields, ...lines, "", ""].join("\r\n"));
}

Deno.test("requestUpgrade() makes a request that our listener takes", () => {
  const request = requestUpgrade({ host: "broker:8338", path: "/a%20b?c=d" }, KEY);
  assertEquals(
    new TextDecoder().decode(request),
    "GET /a%20b?c=d HTTP/1.1\r\nHost: broker:8338\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`,
  );
  assertEquals(readUpgrade(request, { isLocal: true, isSecure: false, allowed: new Set() }), {
    kind: "accepted",
    key: KEY,
  });
});

Deno.test("newRequestKey() gives 16 bytes in base64 that differ", () => {
  const keys = new Set(Array.from({ length: 100 }, newRequestKey));
  assertEquals(keys.size, 100);
  for (const key of keys) assertEquals(atob(key).length, 16);
});

Deno.test("acceptKey() gives the accept key of RFC 6455 1.3", async () => {
  assertEquals(await acceptKey(KEY), ACCEPT);
});

Deno.test("looksLikeAnswer() tells HTTP from other protocols at the first byte that differs", () => {
  for (const begin of ["H", "HTTP/1.", "HTTP/1.1 101 "]) assert(looksLikeAnswer(utf8(begin)));
  for (const begin of ["SSH-2.0", "h", "HTTP/2", "\x15\x03", "HTTP/1 "]) {
    assert(!looksLikeAnswer(utf8(begin)), begin);
  }
});

const ACCEPTED: readonly (readonly [what: string, parts: AnswerParts])[] = [
  ["the usual answer", {}],
  ["an answer without a phrase", { line: "HTTP/1.1 101 " }],
  ["an answer without a space behind the status", { line: "HTTP/1.1 101" }],
  ["names and tokens in any case", {
    headers: { Upgrade: null, Connection: "keep-alive, uPGRADE" },
    lines: ["UPGRADE: WebSocket"],
  }],
  ["headers that mean nothing here", { headers: { Server: "x", "Set-Cookie": "a=b" } }],
  ["an empty list of extensions", { headers: { "Sec-WebSocket-Extensions": "" } }],
  ["100 header lines", { lines: Array.from({ length: 97 }, (_, i) => `X-${i}: y`) }],
];

for (const [what, parts] of ACCEPTED) {
  Deno.test(`readAnswer() accepts ${what}`, () => {
    assertEquals(readAnswer(answer(parts), ACCEPT), { kind: "upgraded" });
  });
}

const REFUSED: readonly (readonly [
  what: string,
  status: number | null,
  problem: string,
  parts: AnswerParts,
])[] = [
  ["another status", 404, "expected status 101, got 404 Not Found", {
    line: "HTTP/1.1 404 Not Found",
  }],
  ["a redirect", 302, "expected status 101, got 302 Found", { line: "HTTP/1.1 302 Found" }],
  ["success", 200, "expected status 101, got 200", { line: "HTTP/1.0 200 " }],
  ["a phrase without end", 400, `expected status 101, got 400 ${"x".repeat(100)}`, {
    line: `HTTP/1.1 400 ${"x".repeat(10_000)}`,
  }],
  ["HTTP/1.0", 101, "expected HTTP/1.1", { line: "HTTP/1.0 101 Switching Protocols" }],
  ["HTTP/2", null, "expected an HTTP status line", { line: "HTTP/2 101 Switching Protocols" }],
  ["a status of two digits", null, "expected an HTTP status line", { line: "HTTP/1.1 99 x" }],
  ["a request", null, "expected an HTTP status line", { line: "GET / HTTP/1.1" }],
  ["a line feed in the phrase", null, "expected an HTTP status line", {
    line: "HTTP/1.1 101 a\nb",
  }],
  ["no Upgrade", 101, "expected one Upgrade header", { headers: { Upgrade: null } }],
  ["another Upgrade", 101, "expected one Upgrade header", { headers: { Upgrade: "h2c" } }],
  ["two Upgrades", 101, "expected one Upgrade header", { lines: ["Upgrade: websocket"] }],
  ["no Connection", 101, "expected a Connection header", { headers: { Connection: null } }],
  ["Connection: close", 101, "expected a Connection header", {
    headers: { Connection: "close" },
  }],
  ["no accept key", 101, "expected the Sec-WebSocket-Accept", {
    headers: { "Sec-WebSocket-Accept": null },
  }],
  ["the accept key of another key", 101, "expected the Sec-WebSocket-Accept", {
    headers: { "Sec-WebSocket-Accept": ACCEPT.toLowerCase() },
  }],
  ["two accept keys", 101, "expected the Sec-WebSocket-Accept", {
    lines: [`Sec-WebSocket-Accept: ${ACCEPT}`],
  }],
  ["an extension", 101, "expected no Sec-WebSocket-Extensions", {
    headers: { "Sec-WebSocket-Extensions": "permessage-deflate" },
  }],
  ["a subprotocol", 101, "expected no Sec-WebSocket-Protocol", {
    headers: { "Sec-WebSocket-Protocol": "mqtt" },
  }],
  ["a header without colon", 101, "expected header lines", { lines: ["nonsense"] }],
  ["a folded header", 101, "expected header lines", { lines: [" folded: x"] }],
  ["101 header lines", 101, "expected at most 100 header lines, got 101", {
    lines: Array.from({ length: 98 }, (_, i) => `X-${i}: y`),
  }],
];

for (const [what, status, problem, parts] of REFUSED) {
  Deno.test(`readAnswer() refuses ${what}`, () => {
    const read = readAnswer(answer(parts), ACCEPT);
    if (read.kind !== "refused") throw new Error("was accepted");
    assertEquals(read.status, status);
    assert(read.problem.startsWith(problem), read.problem);
    assert(read.problem.length < 200);
  });
}
