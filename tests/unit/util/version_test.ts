import { assertEquals } from "@std/assert";
import { VERSION } from "../../../src/util/version.ts";

Deno.test("VERSION is the one of deno.json", async () => {
  const text = await Deno.readTextFile(new URL("../../../deno.json", import.meta.url));
  assertEquals(VERSION, (JSON.parse(text) as { readonly version: string }).version);
});
