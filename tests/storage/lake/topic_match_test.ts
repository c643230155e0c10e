import { assertEquals } from "@std/assert";
import { checkSchema } from "../../../src/lake/schema.ts";
import { TopicMatcher } from "../../../src/lake/topic_match.ts";
import { README_SCHEMA } from "../../helpers/lake_schema.ts";

const matcher = new TopicMatcher(checkSchema(README_SCHEMA).tables);

const CASES: readonly (readonly [string, string | null, Record<string, string>])[] = [
  ["mysite/HVAC/d1/sensor", "sensor", { site: "mysite", type: "HVAC", dn: "d1" }],
  ["s1/telemetry", "telemetry", { dn: "s1" }],
  ["telemetry", "telemetry", {}],
  ["sensor", "sensor", {}],
  ["s1/x/telemetry", null, {}],
  ["/telemetry", null, {}],
  ["s1/telemetry/", null, {}],
  ["s1/Telemetry", null, {}],
  ["Sensor", null, {}],
  ["", null, {}],
  ["a/b//sensor", null, {}],
  [":dn/telemetry", "telemetry", { dn: ":dn" }],
];

for (const [topic, table, variables] of CASES) {
  Deno.test(`match() finds ${table ?? "no table"} for ${JSON.stringify(topic)}`, () => {
    const match = matcher.match(topic);
    assertEquals(match?.table.name ?? null, table);
    assertEquals(Object.fromEntries(match?.variables ?? []), variables);
    assertEquals(matcher.match(topic), match);
  });
}

Deno.test("match() takes the first table of the schema whose pattern fits", () => {
  const columns = [{ col: "a", type: "TEXT" }, { col: "b", type: "TEXT" }];
  const { tables } = checkSchema({
    tables: [
      { table: "one", topic: ":a/x", columns },
      { table: "two", topic: ":a/:b", columns },
      { table: "three", topic: "k/x", columns },
    ],
  });
  const several = new TopicMatcher(tables);
  assertEquals(several.match("k/x")?.table.name, "one");
  assertEquals(several.match("k/y")?.table.name, "two");
  assertEquals(several.match("three")?.table.name, "three");
});
