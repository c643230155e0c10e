import { assertEquals, assertRejects } from "@std/assert";
import type { CommandContext } from "../../../src/cli/command.ts";
import { UsageError } from "../../../src/cli/exit.ts";
import { parseOptions } from "../../../src/cli/options.ts";
import { PIN, PIN_OPTION, secretFrom } from "../../../src/cli/secret.ts";
import { styleFor } from "../../../src/cli/style.ts";
import { SILENT } from "../../../src/util/log.ts";
import { fakeIo } from "./fake_io.ts";

function contextOf(args: readonly string[], io = fakeIo()): CommandContext {
  return {
    io,
    style: styleFor(io),
    options: parseOptions(args, [PIN_OPTION]),
    logger: SILENT,
    signal: new AbortController().signal,
    json: false,
    settings: () => Promise.reject(new Error("not asked for")),
  };
}

const EVERYWHERE = {
  files: { "pin.txt": "from file\nsecond line\n" },
  input: "from input\r\n",
  env: { REMBUS_PIN: "from environment" },
  typed: "typed",
} as const;

const CASES = [
  { args: ["--pin-file", "pin.txt"], io: EVERYWHERE, wanted: "from file" },
  { args: ["--pin-file", "-"], io: EVERYWHERE, wanted: "from input" },
  { args: [], io: EVERYWHERE, wanted: "from environment" },
  { args: [], io: { typed: "typed" }, wanted: "typed" },
] as const;
for (const { args, io, wanted } of CASES) {
  Deno.test(`secretFrom() takes what is ${wanted}`, async () => {
    assertEquals(await secretFrom(contextOf(args, fakeIo(io)), PIN), wanted);
  });
}

const REFUSED = [
  { args: ["--pin-file", "empty"], io: { files: { empty: "\nsecond" } } },
  { args: ["--pin-file", "-"], io: { input: "" } },
  { args: [], io: { typed: "" } },
  { args: [], io: {} },
] as const;
for (const { args, io } of REFUSED) {
  Deno.test(`secretFrom() refuses none, as with ${JSON.stringify({ args, io })}`, async () => {
    const error = await assertRejects(
      () => secretFrom(contextOf(args, fakeIo(io)), PIN),
      UsageError,
    );
    assertEquals(error.message.includes("second"), false);
  });
}

Deno.test("secretFrom() asks by the name of what it wants", async () => {
  const io = fakeIo({ typed: "x" });
  await secretFrom(contextOf([], io), PIN);
  assertEquals(io.asked, ["PIN: "]);
});
