import { assertEquals, assertThrows } from "@std/assert";
import { closest } from "../../../src/cli/closest.ts";
import { parseDurationMs } from "../../../src/cli/duration.ts";
import { UsageError } from "../../../src/cli/exit.ts";
import {
  numberOption,
  type OptionSpec,
  parseOptions,
  settingArguments,
  settingOptions,
} from "../../../src/cli/options.ts";

const SPECS: readonly OptionSpec[] = [
  { name: "name", letter: "n", value: "NAME", doc: "" },
  { name: "admin", value: "NAME", many: true, doc: "" },
  { name: "json", letter: "j", doc: "" },
  { name: "spaces", negatable: true, doc: "" },
];

Deno.test("parseOptions() tells options from operands", () => {
  const parsed = parseOptions(["alarm", "-n", "ada", "--json", "1", "007"], SPECS);
  assertEquals(parsed.operands, ["alarm", "1", "007"]);
  assertEquals(parsed.text("name"), "ada");
  assertEquals(parsed.flag("json"), true);
  assertEquals(parsed.flag("spaces"), undefined);
  assertEquals(parsed.text("admin"), undefined);
});

Deno.test("parseOptions() takes negative numbers as operands and values", () => {
  const parsed = parseOptions(["add", "-5", "-.5", "--name", "-3"], SPECS);
  assertEquals(parsed.operands, ["add", "-5", "-.5"]);
  assertEquals(parsed.text("name"), "-3");
});

Deno.test("parseOptions() takes all after -- as operands", () => {
  assertEquals(parseOptions(["a", "--", "--json", "-n"], SPECS).operands, ["a", "--json", "-n"]);
});

Deno.test("parseOptions() collects what may be repeated, and turns switches off", () => {
  const parsed = parseOptions(["--admin", "a", "--admin=b", "--no-spaces"], SPECS);
  assertEquals(parsed.texts("admin"), ["a", "b"]);
  assertEquals(parsed.flag("spaces"), false);
});

const REFUSED = [
  { args: ["--nam", "x"], wanted: 'did you mean "name"?' },
  { args: ["-z"], wanted: "it is not known" },
  { args: ["--name"], wanted: "expected NAME, got nothing" },
  { args: ["--name", "--json"], wanted: "expected NAME, got nothing" },
  { args: ["--name", "a", "--name", "b"], wanted: "got it 2 times" },
  { args: ["--no-json"], wanted: "it is not known" },
];
for (const { args, wanted } of REFUSED) {
  Deno.test(`parseOptions() refuses ${args.join(" ")}`, () => {
    assertThrows(() => parseOptions(args, SPECS), UsageError, wanted);
  });
}

Deno.test("settingArguments() reads settings in the units of the table", () => {
  const names = ["port", "spaces", "admins", "requestTimeout", "log"] as const;
  const specs = [...settingOptions(names), { name: "debug", doc: "" }, { name: "info", doc: "" }];
  const parsed = parseOptions(
    [
      "-w",
      "0",
      "--no-spaces",
      "--admin",
      "a",
      "--admin",
      "b",
      "--request-timeout",
      "1.5",
      "--info",
    ],
    specs,
  );
  assertEquals(settingArguments(parsed, names), {
    port: 0,
    spaces: false,
    admins: ["a", "b"],
    requestTimeout: 1.5,
    log: "info",
  });
  const wrong = parseOptions(["--ws", "http"], specs);
  assertThrows(() => settingArguments(wrong, names), UsageError, "--ws");
});

Deno.test("settingArguments() says nothing of settings that were not given", () => {
  const parsed = parseOptions([], settingOptions(["port", "spaces", "admins"]));
  assertEquals(settingArguments(parsed, ["port", "spaces", "admins"]), {});
});

Deno.test("numberOption() refuses what is out of bounds", () => {
  const limits = { least: 0, most: 2, whole: true };
  const read = (text: string) =>
    numberOption(parseOptions(["--name", text], SPECS), "name", limits);
  assertEquals(read("2"), 2);
  for (const text of ["3", "-1", "1.5", "x", " "]) {
    assertThrows(() => read(text), UsageError, "from 0 to 2");
  }
});

Deno.test("closest() gives the word that was probably meant", () => {
  assertEquals(closest("brokr", ["broker", "bench"]), "broker");
  assertEquals(closest("be", ["broker", "bench"]), "bench");
  assertEquals(closest("xyzzy", ["broker", "bench"]), null);
});

Deno.test("parseDurationMs() reads ages with a unit", () => {
  assertEquals(parseDurationMs("90s"), 90_000);
  assertEquals(parseDurationMs("1.5h"), 5_400_000);
  assertEquals(parseDurationMs("5"), null);
  assertEquals(parseDurationMs("h"), null);
});
