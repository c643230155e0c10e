/** How long a condition may take, in milliseconds. Generous: a loaded machine is no failure. */
const DEADLINE_MS = 10_000;
/** Pause between two looks, in milliseconds. */
const STEP_MS = 2;

/**
 * Looks again and again until the assertion holds. Rejects with its last error when it still fails at the
 * deadline, so that a test says what was missing.
 */
export async function eventually(
  assertion: () => void | Promise<void>,
  deadlineMs: number = DEADLINE_MS,
): Promise<void> {
  const until = performance.now() + deadlineMs;
  for (;;) {
    try {
      await assertion();
      return;
    } catch (error) {
      if (performance.now() >= until) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, STEP_MS));
  }
}
