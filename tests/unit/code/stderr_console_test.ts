import { assertEquals } from "@std/assert";
import { consoleThrough } from "../../../src/code/stderr_console.ts";

Deno.test("consoleThrough() prints what the platform prints on stdout, and nothing else", () => {
  const printed: unknown[][] = [];
  let nowMs = 0;
  const methods = consoleThrough((...values) => void printed.push([...values]), () => nowMs);
  methods.log?.("a", 1);
  methods.group?.("g");
  methods.groupEnd?.();
  methods.clear?.();
  methods.count?.();
  methods.count?.();
  methods.countReset?.();
  methods.count?.();
  methods.time?.("t");
  nowMs = 5;
  methods.timeLog?.("t", "x");
  methods.timeEnd?.("t");
  methods.timeEnd?.("t");
  assertEquals(printed, [
    ["a", 1],
    ["g"],
    ["default: 1"],
    ["default: 2"],
    ["default: 1"],
    ["t: 5ms", "x"],
    ["t: 5ms"],
  ]);
});

Deno.test("consoleThrough() replaces every method of the platform that prints on stdout", () => {
  const methods = consoleThrough(() => {}, () => 0);
  const stderr = ["warn", "error", "assert", "trace"];
  const silent = ["profile", "profileEnd", "timeStamp", "indentLevel", "createTask", "context"];
  const known = new Set([...Object.keys(methods), ...stderr, ...silent]);
  assertEquals(Object.keys(console).filter((name) => !known.has(name)), []);
});
