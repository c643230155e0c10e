import { assertEquals } from "@std/assert";
import { componentOf } from "../../../src/protocol/cid.ts";

Deno.test("componentOf() takes the path of a URL, and leaves any other name alone", () => {
  assertEquals(componentOf("alice"), "alice");
  assertEquals(componentOf("a/b.c"), "a/b.c");
  assertEquals(componentOf("ws://host:8338/alice"), "alice");
  assertEquals(componentOf("tcp://host/a/b?x=1#y"), "a/b");
  assertEquals(componentOf("ws://host:8338"), "");
  assertEquals(componentOf("ws://host:8338/"), "");
});
