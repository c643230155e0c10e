import { checkTenant } from "../../../src/protocol/name.ts";
import { assertEquals } from "@std/assert";
import {
  AGE,
  BYTES,
  COUNT,
  LOG_RULES,
  NAMES,
  ORIGINS,
  TENANTS,
  TOPICS,
} from "../../../src/node/setting_kinds.ts";

const SIZES: readonly (readonly [string, number | undefined])[] = [
  ["1024", 1024],
  ["1k", 1024],
  ["1.5G", 1.5 * 1024 ** 3],
  ["2 GiB", 2 * 1024 ** 3],
  ["3MB", 3 * 1024 ** 2],
  ["0", undefined],
  ["-1", undefined],
  ["1.5", undefined],
  ["G", undefined],
  ["1e9", undefined],
];
for (const [text, wanted] of SIZES) {
  Deno.test(`BYTES gives ${wanted} when the text is "${text}"`, () => {
    assertEquals(BYTES.fromText(text), wanted);
    assertEquals(BYTES.fromJson(text), wanted);
  });
}

Deno.test("COUNT refuses fractions and what is no number", () => {
  assertEquals(COUNT.fromText("3"), 3);
  assertEquals(COUNT.fromText("3.5"), undefined);
  assertEquals(COUNT.fromText("0x10"), undefined);
  assertEquals(COUNT.fromText(""), undefined);
  assertEquals(COUNT.fromJson(NaN), undefined);
});

Deno.test("NAMES refuses a list with a name that no component can have", () => {
  assertEquals(NAMES.fromText("ada,bob/x"), ["ada", "bob/x"]);
  assertEquals(NAMES.fromText("ada,,bob"), undefined);
  assertEquals(NAMES.fromJson("ada"), undefined);
});

const AGES: readonly (readonly [string, number | undefined])[] = [
  ["90", 90],
  ["90s", 90],
  ["1.5h", 5_400],
  ["30 m", 1_800],
  ["7d", 604_800],
  ["2w", 1_209_600],
  ["0d", undefined],
  ["-1h", undefined],
  ["7 days", undefined],
  ["99999999d", undefined],
  ["", undefined],
];
for (const [text, wanted] of AGES) {
  Deno.test(`AGE gives ${wanted} when the text is "${text}"`, () => {
    assertEquals(AGE.fromText(text), wanted);
    assertEquals(AGE.fromJson(text), wanted);
  });
}

Deno.test("LOG_RULES reads the JSON of rules, and nothing else", () => {
  assertEquals(LOG_RULES.fromText('[{"topic": "a", "log": false}]'), [{ topic: "a", log: false }]);
  for (const text of ["", "{", "[1]", '[{"topic": "", "log": false}]', '[{"topic": "a"}]']) {
    assertEquals(LOG_RULES.fromText(text), undefined);
  }
});

Deno.test("ORIGINS takes web sites without a path, and *", () => {
  assertEquals(ORIGINS.fromText("https://a.example, http://b:8080"), [
    "https://a.example",
    "http://b:8080",
  ]);
  assertEquals(ORIGINS.fromJson(["*"]), ["*"]);
  for (const text of ["", "a.example", "https://a.example/", "https://A.example", "null"]) {
    assertEquals(ORIGINS.fromText(text), undefined);
  }
});

Deno.test("TOPICS takes topics and patterns", () => {
  assertEquals(TOPICS.fromText("a, b/**"), ["a", "b/**"]);
  assertEquals([TOPICS.fromText("a,"), TOPICS.fromJson([1]), TOPICS.fromJson("a")], [
    undefined,
    undefined,
    undefined,
  ]);
});

Deno.test("TENANTS takes an object of PINs, never a text that others could see", () => {
  assertEquals(TENANTS.fromJson({ "acme.org": "x" }), [{ tenant: "acme.org", secret: "x" }]);
  assertEquals(TENANTS.fromJson([{ tenant: ".", secret: "x" }]), [{ tenant: ".", secret: "x" }]);
  assertEquals(TENANTS.fromText('{"acme.org": "x"}'), undefined);
  for (const value of [null, "x", 1, { a: 1 }, { "": "x" }, { "../x": "x" }, [{ tenant: "." }]]) {
    assertEquals(TENANTS.fromJson(value), undefined);
  }
});

Deno.test("checkTenant() takes the root and domains", () => {
  assertEquals([".", "org", "acme.org"].filter((one) => checkTenant(one) !== null), []);
  const wrong = ["", "..", "a..b", ".a", "a.", "a/b", "a b", "x".repeat(256)];
  assertEquals(wrong.filter((one) => checkTenant(one) === null), []);
});
