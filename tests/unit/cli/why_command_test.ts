import { assertEquals, assertThrows } from "@std/assert";
import { privateTopicsFrom, usersFrom, verdictFrom } from "../../../src/cli/admin_answers.ts";
import { CommandError } from "../../../src/cli/exit.ts";
import { styleFor } from "../../../src/cli/style.ts";
import { verdictText } from "../../../src/cli/why_command.ts";
import { fakeIo } from "./fake_io.ts";

const STYLE = styleFor(fakeIo());

Deno.test("verdictText() tells what decides, who would receive, and which table", () => {
  const text = verdictText(
    { cid: "meter", action: "publish", topic: "plant/a" },
    { allowed: true, rule: "public\n", receivers: ["ada", "b\u202eb"], table: "telemetry" },
    STYLE,
  );
  assertEquals(text.split("\n"), [
    "allowed: meter publish plant/a",
    String.raw`rule: public\n`,
    String.raw`would receive it: ada, b\u202eb`,
    "table: telemetry",
  ]);
});

Deno.test("verdictText() leaves out what was not told, and the topic of a question about none", () => {
  const text = verdictText(
    { cid: "meter", action: "admin", topic: "__config__" },
    { allowed: false, rule: "no admin", exposers: [] },
    STYLE,
  );
  assertEquals(text.split("\n"), [
    "refused: meter admin",
    "rule: no admin",
    "could answer it: nobody",
  ]);
});

Deno.test("answers that are something else are refused", () => {
  const reads = [
    () => verdictFrom(null),
    () => verdictFrom({ allowed: "yes", rule: "r" }),
    () => verdictFrom({ allowed: true, rule: "r", receivers: [1] }),
    () => usersFrom({}),
    () => usersFrom([{}]),
    () => privateTopicsFrom([]),
    () => privateTopicsFrom({ t: "ada" }),
  ];
  for (const read of reads) assertThrows(read, CommandError, "Cannot read the answer");
});
