import { assertEquals } from "@std/assert";
import { errorText } from "../../../src/util/error_text.ts";

Deno.test("errorText() gives the message of an error, and the text of anything else", () => {
  assertEquals(errorText(new TypeError("no")), "no");
  assertEquals([errorText("thrown"), errorText(7), errorText(null)], ["thrown", "7", "null"]);
});
