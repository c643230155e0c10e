/** Exit codes of the command line tool. */
export const EXIT = {
  /** Done. Also when Ctrl-C ended a command that runs until then. */
  OK: 0,
  /** It was tried and failed. */
  FAILED: 1,
  /** The command line makes no sense. */
  USAGE: 2,
  /** Ctrl-C ended a command before it was done, or a second one ended it at once. */
  INTERRUPTED: 130,
} as const;
/** One of the exit codes. */
export type ExitCode = typeof EXIT[keyof typeof EXIT];

/** What each exit code means, for `help`. */
export const EXIT_DOC: readonly (readonly [ExitCode, string])[] = [
  [EXIT.OK, "done; also when Ctrl-C ended broker, sub, expose or log --follow"],
  [EXIT.FAILED, "it was tried and failed"],
  [EXIT.USAGE, "the command line makes no sense"],
  [EXIT.INTERRUPTED, "interrupted before it was done"],
];

/** The command line makes no sense: the caller's mistake, answered with a hint and exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The command failed in a way that its text explains: exit code 1. */
export class CommandError extends Error {
  override readonly name = "CommandError";
}

/** Nobody reads the output any more, as after `| head`: the command ends quietly. */
export class OutputClosedError extends Error {
  override readonly name = "OutputClosedError";
}

/** Ctrl-C came before the command had begun its work: exit code 130, and nothing is said. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";
}
