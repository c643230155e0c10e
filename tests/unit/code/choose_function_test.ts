import { assertEquals } from "@std/assert";
import { chooseFunction } from "../../../src/code/choose_function.ts";

const f = (): void => {};

for (
  const [what, module, wanted] of [
    ["of the name", { add: f, default: f, aaa: f }, "add"],
    ["that is the default", { zzz: f, default: f, aaa: f }, "default"],
    ["that comes first in the alphabet", { zzz: f, bbb: f, aaa: 1 }, "bbb"],
    ["although the name is another value", { add: 1, zzz: f }, "zzz"],
  ] as [string, Record<string, unknown>, string][]
) {
  Deno.test(`chooseFunction() takes the export ${what}`, () => {
    assertEquals(chooseFunction(module, "add")?.name, wanted);
  });
}

Deno.test("chooseFunction() takes nothing when no function is exported", () => {
  assertEquals(chooseFunction({ add: 1, default: "x" }, "add"), null);
  assertEquals(chooseFunction({}, "toString"), null);
});
