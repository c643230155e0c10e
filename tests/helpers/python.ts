import { testNeeding } from "./needs.ts";

const ROOT = `${import.meta.dirname}/../..`;
const VERSION_SCRIPT = 'from importlib.metadata import version; print(version("rembus"))';

/** What a skipped test says about the reason. */
export const PYTHON_MISSING =
  "no Python with rembus: run tools/setup_python.sh .venv, or set REMBUS_TEST_PYTHON";

/**
 * The Python interpreter that has rembus.python: `REMBUS_TEST_PYTHON`, else `.venv` in the root of the
 * checkout, else `python3`; `null` when there is none. An interpreter that was asked for by name
 * must work: else the promise rejects, so that a run meant to cover Python does not pass without it.
 */
export async function pythonForTests(): Promise<string | null> {
  const wanted = Deno.env.get("REMBUS_TEST_PYTHON");
  if (wanted !== undefined && wanted !== "") {
    if (await hasRembus(wanted)) return wanted;
    throw new Error(
      `Cannot use REMBUS_TEST_PYTHON "${wanted}": expected an interpreter with rembus, got none`,
    );
  }
  for (const candidate of [`${ROOT}/.venv/bin/python`, "python3"]) {
    if (await hasRembus(candidate)) return candidate;
  }
  return null;
}

/** Registers a test that needs Python, and gives it the interpreter; see `testNeeding`. */
export function pythonTest(
  python: string | null,
  name: string,
  run: (python: string) => Promise<void>,
): void {
  testNeeding({ found: python, missing: PYTHON_MISSING }, name, run);
}

/** Asks for the version and not for the module, whose import takes seconds. */
async function hasRembus(python: string): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(python, {
      args: ["-c", VERSION_SCRIPT],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
