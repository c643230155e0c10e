/** Something outside of this repository that a test needs: an interpreter, a browser. */
export interface Need<T> {
  /** What was found; `null` when it is not there. */
  readonly found: T | null;
  /** What is missing and how to get it. */
  readonly missing: string;
}

/** Whether this run is meant to cover everything (`REMBUS_TEST_REQUIRE=1`, as CI sets it). */
export function isRequired(): boolean {
  return Deno.env.get("REMBUS_TEST_REQUIRE") === "1";
}

/**
 * Registers a test that needs something. Where it is missing, the test is listed as ignored with the
 * reason in its name; with `REMBUS_TEST_REQUIRE=1` it fails.
 */
export function testNeeding<T>(
  { found, missing }: Need<T>,
  name: string,
  run: (found: T) => Promise<void>,
): void {
  if (found !== null) {
    Deno.test(name, () => run(found));
  } else if (isRequired()) {
    Deno.test(name, () => {
      throw new Error(`Cannot run the test, and REMBUS_TEST_REQUIRE=1 wants it: ${missing}`);
    });
  } else {
    Deno.test({ name: `${name} (${missing})`, ignore: true, fn: () => {} });
  }
}
