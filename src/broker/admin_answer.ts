import type { Twin } from "./twin.ts";

/** The answer of an admin command. */
export interface AdminAnswer {
  readonly status: number;
  readonly data: unknown;
  /** What follows on the answer: deliveries must not overtake the OK that they wait for (spec 5.3). */
  readonly after?: () => void;
  /** Whether something was changed that is remembered: the answer waits until it is durable (D25). */
  readonly isStored?: boolean;
  /** What goes into the audit trail with the answer. */
  readonly note?: {
    readonly action: string;
    readonly subject: string | null;
    readonly cid: string | null;
  };
}

/** Who sends a command. */
export interface Commander {
  readonly twin: Twin;
  readonly isAdmin: boolean;
  /** The peer negotiated capabilities (D3). */
  setCapabilities(capabilities: { readonly extras: boolean }): void;
}
