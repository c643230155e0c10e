import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { rembusLogger, startLogging, stopLogging } from "../../../src/cli/logging.ts";
import type { LogLevel } from "../../../src/node/settings.ts";
import { fakeIo } from "./fake_io.ts";

/** What is written when one event of each level is logged, the worst first. */
async function logged(level: LogLevel): Promise<readonly string[]> {
  const io = fakeIo();
  await startLogging(io, level);
  try {
    const logger = rembusLogger();
    logger.error("broken", { error: new Error("outer", { cause: new Error("inner") }), n: 1 });
    logger.warn("odd");
    logger.info("fine");
    logger.debug("detail");
  } finally {
    await stopLogging();
  }
  return io.errors;
}

for (const [index, level] of (["error", "warn", "info", "debug"] as const).entries()) {
  Deno.test(`startLogging() writes what is at least as bad as ${level}`, async () => {
    assertEquals((await logged(level)).length, index + 1);
  });
}

Deno.test("startLogging() writes errors as their text, and whole only when debugging", async () => {
  const [short = ""] = await logged("error");
  assertStringIncludes(short, "msg=broken error=outer n=1");
  assert(!short.includes("inner"), short);
  const [whole = ""] = await logged("debug");
  assertStringIncludes(whole, "inner");
});

Deno.test("stopLogging() leaves the logger silent", async () => {
  const io = fakeIo();
  await startLogging(io, "debug");
  await stopLogging();
  rembusLogger().error("nobody hears it");
  assertEquals(io.errors, []);
});
