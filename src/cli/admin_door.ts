/** A command of an admin (docs/PROTOCOL.md, ADMIN). */
export interface AdminCommand {
  readonly cmd: string;
  /** A topic or pattern. @default `__config__` */
  readonly topic?: string;
  /** What else it says. */
  readonly args?: Readonly<Record<string, unknown>>;
}

/** Takes commands of an admin: a broker that runs, or the files of one that does not. */
export interface AdminDoor extends AsyncDisposable {
  /** Does it, durably, and gives the answer. Rejects with `RembusError` when it is refused. */
  run(command: AdminCommand): Promise<unknown>;
}
