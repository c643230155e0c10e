import type { Need } from "./needs.ts";

/** The first of the commands that succeeds. */
export async function findProgram(
  commands: readonly (readonly [program: string, ...args: string[]])[],
  missing: string,
): Promise<Need<string>> {
  for (const [program, ...args] of commands) {
    try {
      const { success } = await new Deno.Command(program, {
        args,
        stdout: "null",
        stderr: "null",
      }).output();
      if (success) return { found: program, missing };
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return { found: null, missing };
}

/** A Python that has the package websockets. */
export function findPythonWithWebSockets(): Promise<Need<string>> {
  const candidates = [
    Deno.env.get("REMBUS_TEST_PYTHON") || `${import.meta.dirname}/../../.venv/bin/python`,
    "python3",
  ];
  return findProgram(
    candidates.map((python) => [python, "-c", "import websockets"] as const),
    "no Python with websockets: run tools/setup_python.sh .venv, or set REMBUS_TEST_PYTHON",
  );
}
