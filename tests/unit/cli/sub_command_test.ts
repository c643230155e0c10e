import { assertEquals, assertStringIncludes } from "@std/assert";
import { EXIT } from "../../../src/cli/exit.ts";
import { main } from "../../../src/cli/main.ts";
import { placeOf } from "../../../src/cli/sub_command.ts";
import { LAST_RECEIVED } from "../../../src/peer/api.ts";
import { fakeIo } from "./fake_io.ts";

const PLACES: readonly (readonly [text: string, wanted: unknown])[] = [
  ["last", LAST_RECEIVED],
  ["first", "first"],
  ["values", "last"],
  ["90s", 90e9],
  ["-90s", 90e9],
  ["1.5h", 5400e9],
  ["500ms", 5e8],
  ["offset:0", { offset: 0 }],
  ["offset:17", { offset: 17 }],
  ["2026-03-01", new Date("2026-03-01T00:00:00Z")],
  ["2026-03-01T08:30Z", new Date("2026-03-01T08:30:00Z")],
  ["2026-03-01T08:30:00.5+01:00", new Date("2026-03-01T07:30:00.500Z")],
  ["2026-03-01T08:30", new Date(2026, 2, 1, 8, 30)],
];

for (const [text, wanted] of PLACES) {
  Deno.test(`placeOf() reads "${text}"`, () => assertEquals(placeOf(text), wanted));
}

const OTHERS = [
  "now",
  "1",
  "1y",
  "offset:",
  "offset:-1",
  "offset:1.5",
  "offset:9007199254740992",
];
for (const text of [...OTHERS, "2026", "2026-13-01", "2026-03-01T25:00Z", "1950-01-01", "--1h"]) {
  Deno.test(`placeOf() refuses "${text}", and rembus sub says what it wants`, async () => {
    assertEquals(placeOf(text), null);
    const io = fakeIo();
    assertEquals(await main(["sub", "t", `--from=${text}`], io), EXIT.USAGE);
    assertStringIncludes(io.errors.join("\n"), `an age such as 90s or 1h, got "${text}"`);
  });
}
