import { assert, assertEquals } from "@std/assert";
import { anonymousName } from "../../../src/peer/anonymous_name.ts";
import { SeededRandom } from "../../helpers/seeded_random.ts";

Deno.test("anonymousName() gives version 4 UUIDs, and others for others", () => {
  const random = new SeededRandom(1);
  const names = Array.from({ length: 1_000 }, () => anonymousName(random));
  for (const name of names) {
    assert(
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(name),
      name,
    );
  }
  assertEquals(new Set(names).size, 1_000);
});
