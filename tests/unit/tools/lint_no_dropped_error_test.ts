import { assertEquals } from "@std/assert";
import plugin from "../../../tools/lint_no_dropped_error.ts";

/** The source texts that the rule reports. */
function reported(source: string): string[] {
  return Deno.lint.runPlugin(plugin, "sample.ts", source)
    .map(({ id, range: [start, end] }) => `${id}: ${source.slice(start, end)}`);
}

const DROPPED = [
  { source: 'new RangeError("x");', error: 'new RangeError("x")' },
  { source: "if (bad) new ProtocolError(1002);", error: "new ProtocolError(1002)" },
  {
    source: "function f() { new Deno.errors.NotFoundError(); }",
    error: "new Deno.errors.NotFoundError()",
  },
  { source: 'void new DOMException("x");', error: 'new DOMException("x")' },
  { source: "await new LoginError();", error: "new LoginError()" },
  { source: "bad && new LimitError();", error: "new LimitError()" },
  { source: "known ?? new LimitError();", error: "new LimitError()" },
  { source: "bad ? new LimitError() : go();", error: "new LimitError()" },
  { source: "go(), new LimitError();", error: "new LimitError()" },
  { source: 'Error("x");', error: 'Error("x")' },
];
for (const { source, error } of DROPPED) {
  Deno.test(`no-dropped-error reports ${source}`, () => {
    assertEquals(reported(source), [`rembus/no-dropped-error: ${error}`]);
  });
}

const USED = [
  'throw new RangeError("x");',
  "const f = () => new RangeError();",
  "function f() { return new RangeError(); }",
  "const error = new RangeError();",
  "let error; error = new RangeError();",
  "reject(new RangeError());",
  "new Promise((_, reject) => reject(new RangeError()));",
  "errors.push(new RangeError());",
  "new RangeError().message.trim();",
  "new Errors();",
  "new ErrorLog();",
  "new table[nameError]();",
  "handleError();",
  "reportError(cause);",
];
for (const source of USED) {
  Deno.test(`no-dropped-error passes ${source}`, () => {
    assertEquals(reported(source), []);
  });
}

Deno.test("no-dropped-error reports both ends of a choice", () => {
  assertEquals(reported("late ? new ATimeoutError() : new BError();").length, 2);
});
