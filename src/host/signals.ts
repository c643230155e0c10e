/** Waits for the user, or the system, to end the process. */
export interface Interruption extends Disposable {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
}

/** The signals that ask a process to end. Windows knows no SIGTERM. */
const ENDING: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM"];

/**
 * Listens for Ctrl-C and its relatives until disposed. The first one aborts `signal`, so that the
 * process can drain; the second one means now, and calls `onSecond`.
 */
export function listenForInterruption(onSecond: () => void): Interruption {
  const controller = new AbortController();
  const listener = (): void => {
    if (controller.signal.aborted) onSecond();
    else controller.abort();
  };
  for (const name of ENDING) Deno.addSignalListener(name, listener);
  return {
    signal: controller.signal,
    [Symbol.dispose](): void {
      for (const name of ENDING) Deno.removeSignalListener(name, listener);
    },
  };
}
