import { assertEquals } from "@std/assert";
import { logRules, remembering } from "../../../src/store/log_rules.ts";

Deno.test("logRules() logs everything without rules, else what the first rule that fits says", () => {
  assertEquals(logRules([])("video/1"), true);
  const isLogged = logRules([
    { topic: "video/keep/*", log: true },
    { topic: "video/**", log: false },
    { topic: "noise", log: false },
    { topic: "noise", log: true },
  ]);
  const topics = ["video/1", "video/keep/1", "noise", "noise/1", "town"];
  assertEquals(topics.map(isLogged), [false, true, false, true, true]);
});

Deno.test("remembering() asks once for a topic", () => {
  let asked = 0;
  const ask = remembering(() => ++asked > 0);
  ask("a");
  ask("a");
  ask("b");
  assertEquals(asked, 2);
});
