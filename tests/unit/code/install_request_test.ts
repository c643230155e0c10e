import { assertEquals, assertThrows } from "@std/assert";
import { readInstallRequest } from "../../../src/code/install_request.ts";
import { CONTENT_BYTES_MAX } from "../../../src/code/limits.ts";

Deno.test("readInstallRequest() reads a map, with the tag main unless it says another", () => {
  const wanted = { name: "add", content: "x", tag: "main" };
  assertEquals(readInstallRequest({ name: "add", content: "x" }), wanted);
  assertEquals(readInstallRequest(new Map([["name", "add"], ["content", "x"]])), wanted);
  assertEquals(readInstallRequest({ ...wanted, tag: "v2" }).tag, "v2");
});

for (
  const [what, request] of [
    ["nothing", undefined],
    ["a text", "add"],
    ["a list", ["add", "x"]],
    ["a missing name", { content: "x" }],
    ["an empty name", { name: "", content: "x" }],
    ["a name that is a number", { name: 1, content: "x" }],
    ["a name that is a path", { name: "../evil", content: "x" }],
    ["a missing content", { name: "add" }],
    ["an empty content", { name: "add", content: "" }],
    ["content in bytes", { name: "add", content: new Uint8Array(3) }],
    ["a tag that is a path", { name: "add", content: "x", tag: "../../evil" }],
    ["a tag that is a number", { name: "add", content: "x", tag: 2 }],
    ["too large a content", { name: "add", content: "x".repeat(CONTENT_BYTES_MAX + 1) }],
  ] as [string, unknown][]
) {
  Deno.test(`readInstallRequest() refuses ${what}`, () => {
    assertThrows(() => readInstallRequest(request), TypeError, "Cannot install");
  });
}
