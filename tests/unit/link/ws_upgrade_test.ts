import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  looksLikeRequest,
  readUpgrade,
  refusalAnswer,
  tooLarge,
  tooSlow,
  upgradeAnswer,
} from "../../../src/link/ws_upgrade.ts";
import { utf8 } from "../../helpers/ws_frame.ts";

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const HEADERS: Readonly<Record<string, string>> = {
  Host: "broker:8338",
  Upgrade: "websocket",
  Connection: "Upgrade",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": KEY,
};

const REMOTE = {
  isLocal: false,
  isSecure: false,
  allowed: new Set(["https://app.example.org"]),
};

interface RequestParts {
  readonly line?: string;
  /** Added to or put in the place of the usual headers; `null` leaves one out. */
  readonly headers?: Readonly<Record<string, string | null>>;
  /** More lines, as they are. */
  readonly lines?: readonly string[];
}

function request(
  { line = "GET / HTTP/1.1", headers = {}, lines = [] }: RequestParts,
): Uint8Array {
  const fields = Object.entries({ ...HEADERS, ...headers })
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}: ${value}`);
  return utf8([line, ...fields, ...lines, "", ""].join("\r\n"));
}

/** 101, or the status of the refusal. */
function statusOf(parts: RequestParts): number {
  const upgrade = readUpgrade(request(parts), REMOTE);
  return upgrade.kind === "accepted" ? 101 : upgrade.refusal.status;
}

const ACCEPTED: readonly (readonly [what: string, parts: RequestParts])[] = [
  ["the usual request", {}],
  ["any path", { line: "GET /some/path?query=1 HTTP/1.1" }],
  ["an absolute target", { line: "GET http://broker:8338/ HTTP/1.1" }],
  ["tokens in any case", { headers: { Upgrade: "WebSocket", Connection: "uPGRADE" } }],
  ["the list that Firefox sends", { headers: { Connection: "keep-alive, Upgrade" } }],
  ["a list of protocols to upgrade to", { headers: { Upgrade: "h2c , websocket" } }],
  ["a header twice", { headers: { Connection: "keep-alive" }, lines: ["Connection: Upgrade"] }],
  ["names in any case", { lines: ["SEC-WEBSOCKET-EXTENSIONS: permessage-deflate"] }],
  ["offers of extensions and subprotocols", {
    headers: { "Sec-WebSocket-Extensions": "permessage-deflate", "Sec-WebSocket-Protocol": "a, b" },
  }],
  ["an allowed origin", { headers: { Origin: "https://app.example.org" } }],
  ["spaces around a value", { headers: { "Sec-WebSocket-Key": `  \t${KEY} \t` } }],
  ["a value in Latin-1", { headers: { "X-Name": "Ã¼" } }],
  ["a body of length 0", { headers: { "Content-Length": "0" } }],
  ["100 header lines", { lines: Array.from({ length: 95 }, (_, i) => `X-${i}: y`) }],
];

for (const [what, parts] of ACCEPTED) {
  Deno.test(`readUpgrade() accepts ${what}`, () => {
    assertEquals(readUpgrade(request(parts), REMOTE), { kind: "accepted", key: KEY });
  });
}

const REFUSED: readonly (readonly [what: string, status: number, parts: RequestParts])[] = [
  ["another method", 405, { line: "POST / HTTP/1.1" }],
  ["HTTP/1.0", 505, { line: "GET / HTTP/1.0" }],
  ["HTTP/2.0", 505, { line: "GET / HTTP/2.0" }],
  ["a line of two words", 400, { line: "GET /" }],
  ["a line of four words", 400, { line: "GET / x HTTP/1.1" }],
  ["an empty line", 400, { line: "" }],
  ["no Host", 400, { headers: { Host: null } }],
  ["two Hosts", 400, { lines: ["host: other"] }],
  ["no Upgrade", 426, { headers: { Upgrade: null } }],
  ["another Upgrade", 426, { headers: { Upgrade: "websocket2" } }],
  ["no Connection", 426, { headers: { Connection: null } }],
  ["Connection: close", 426, { headers: { Connection: "close" } }],
  ["no version", 426, { headers: { "Sec-WebSocket-Version": null } }],
  ["version 8", 426, { headers: { "Sec-WebSocket-Version": "8" } }],
  ["two versions", 426, { lines: ["Sec-WebSocket-Version: 13"] }],
  ["no key", 400, { headers: { "Sec-WebSocket-Key": null } }],
  ["two keys", 400, { lines: [`Sec-WebSocket-Key: ${KEY}`] }],
  ["a key of 15 bytes", 400, { headers: { "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25j" } }],
  ["a key that is not base64", 400, { headers: { "Sec-WebSocket-Key": "*".repeat(22) + "==" } }],
  ["a body", 400, { headers: { "Content-Length": "5" } }],
  ["a chunked body", 400, { headers: { "Transfer-Encoding": "chunked" } }],
  ["a header without colon", 400, { lines: ["nonsense"] }],
  ["a header without name", 400, { lines: [": value"] }],
  ["a space before the colon", 400, { lines: ["X-A : b"] }],
  ["a folded header", 400, { lines: [" folded: x"] }],
  ["a lone line feed", 400, { lines: ["X-A: b\nX-B: c"] }],
  ["a lone carriage return", 400, { lines: ["X-A: b\rX-B: c"] }],
  ["a NUL", 400, { lines: ["X-A: b\0"] }],
  ["101 header lines", 431, { lines: Array.from({ length: 96 }, (_, i) => `X-${i}: y`) }],
];

for (const [what, status, parts] of REFUSED) {
  Deno.test(`readUpgrade() refuses ${what} with ${status}`, () => {
    assertEquals(statusOf(parts), status);
  });
}

Deno.test("readUpgrade() reads a header of 60,000 spaces in no time", () => {
  const startMs = performance.now();
  assertEquals(statusOf({ headers: { "X-A": `b${" ".repeat(60_000)}c` } }), 101);
  assert(performance.now() - startMs < 1_000);
});

Deno.test("looksLikeRequest() tells a request from TLS at the first byte", () => {
  assertEquals(looksLikeRequest(utf8("GET")), true);
  assertEquals(looksLikeRequest(new Uint8Array([0x16, 0x03, 0x01])), false);
  assertEquals(looksLikeRequest(new Uint8Array([0])), false);
  assertEquals(looksLikeRequest(new Uint8Array([0xff])), false);
});

Deno.test("upgradeAnswer() gives the accept key of RFC 6455 1.3 and no extension", async () => {
  const answer = new TextDecoder().decode(await upgradeAnswer(KEY));
  assertEquals(
    answer,
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
  );
});

Deno.test("refusalAnswer() is a whole HTTP answer that says what was wanted", () => {
  const upgrade = readUpgrade(request({ headers: { Upgrade: null } }), REMOTE);
  if (upgrade.kind !== "refused") throw new Error("was accepted");
  const [head = "", body = ""] = new TextDecoder().decode(refusalAnswer(upgrade.refusal))
    .split("\r\n\r\n");
  assertEquals(head.split("\r\n"), [
    "HTTP/1.1 426 Upgrade Required",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Connection: Upgrade, close",
    "Content-Type: text/plain; charset=utf-8",
    `Content-Length: ${body.length}`,
  ]);
  assertStringIncludes(body, "plain HTTP request");
  const slow = new TextDecoder().decode(refusalAnswer(tooSlow(5_000)));
  assertStringIncludes(slow, "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n");
  assertStringIncludes(slow, "within 5000 ms");
  assertStringIncludes(new TextDecoder().decode(refusalAnswer(tooLarge())), "HTTP/1.1 431 ");
});

Deno.test("readUpgrade() refuses an origin with 403, and names the option that allows it", () => {
  for (const origin of ["https://elsewhere.example", "null", "", "http://localhost"]) {
    const upgrade = readUpgrade(request({ headers: { Origin: origin } }), REMOTE);
    if (upgrade.kind !== "refused") throw new Error(`accepted "${origin}"`);
    assertEquals(upgrade.refusal.status, 403);
    assertStringIncludes(upgrade.refusal.text, "--origin");
    assertStringIncludes(new TextDecoder().decode(refusalAnswer(upgrade.refusal)), "403 Forbidden");
  }
});

Deno.test("readUpgrade() refuses two origins, allowed as each of them is", () => {
  const lines = ["Origin: https://app.example.org", "Origin: https://app.example.org"];
  assertEquals(statusOf({ lines }), 403);
});
