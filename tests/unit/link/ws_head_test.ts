import { assertEquals, assertRejects } from "@std/assert";
import { findHeadEnd, HeaderLines, headLines, readHead } from "../../../src/link/ws_head.ts";
import { FakeStream } from "../../helpers/fake_stream.ts";
import { joined, utf8 } from "../../helpers/ws_frame.ts";

const HEAD = utf8("HTTP/1.1 101 Go\r\nA: b\r\n\r\n");
const anything = (): boolean => true;

Deno.test("findHeadEnd() finds the empty line however it comes", () => {
  const bytes = utf8("GET / HTTP/1.1\r\nA: b\r\n\r\nframes\r\n\r\n");
  const end = bytes.indexOf("f".charCodeAt(0));
  assertEquals(findHeadEnd(bytes, 0), end);
  for (let cut = 0; cut < end; cut++) {
    assertEquals(findHeadEnd(bytes.subarray(0, cut), 0), -1);
    assertEquals(findHeadEnd(bytes.subarray(0, end), cut), end);
  }
  assertEquals(findHeadEnd(utf8("a\n\nb\n\n"), 0), -1);
});

Deno.test("readHead() gives the head and what came behind it", async () => {
  const stream = new FakeStream();
  stream.receive(HEAD.subarray(0, 5), joined([HEAD.subarray(5), utf8("rest")]));
  assertEquals(await readHead(stream, anything), { kind: "whole", head: HEAD, rest: utf8("rest") });
});

Deno.test("readHead() does not wait for more of a foreign protocol", async () => {
  const stream = new FakeStream();
  stream.receive(utf8("SS"));
  assertEquals(await readHead(stream, (bytes) => bytes[0] === 72), { kind: "foreign" });
});

Deno.test("readHead() tells a head of more than 64 KiB, and one that does not end", async () => {
  const large = new FakeStream();
  large.receive(new Uint8Array(65_536).fill(65));
  assertEquals(await readHead(large, anything), { kind: "too large" });
  const short = new FakeStream();
  short.receive(HEAD.subarray(0, 10), null);
  assertEquals(await readHead(short, anything), { kind: "lost" });
  const broken = new FakeStream();
  broken.receive(HEAD.subarray(0, 10), new Error("reset"));
  await assertRejects(() => readHead(broken, anything), Error, "reset");
});

Deno.test("HeaderLines finds values and tokens by name, in any case", () => {
  const { first, fields } = headLines(utf8("first\r\nA:  b \r\na: c, D\r\n\r\n"));
  assertEquals([first, fields], ["first", ["A:  b ", "a: c, D"]]);
  const headers = HeaderLines.from(fields);
  assertEquals(headers?.all("a"), ["b", "c, D"]);
  assertEquals(headers?.all("b"), []);
  assertEquals([headers?.hasToken("a", "d"), headers?.hasToken("a", "e")], [true, false]);
});

for (
  const line of ["no colon", ": no name", "a : b", " folded: x", "a: b\rc: d", "a: b\nc", "a: \0"]
) {
  Deno.test(`HeaderLines takes no ${JSON.stringify(line)}`, () => {
    assertEquals(HeaderLines.from(["ok: yes", line]), null);
  });
}
