import type { MsgId } from "../protocol/packet.ts";
import type { Conversation } from "./conversation.ts";
import type { Twin } from "./twin.ts";

/** The session that names itself. */
export interface Newcomer extends Conversation {
  readonly twin: Twin;
  /** Whether its link stays inside this process. */
  readonly isTrusted: boolean;
  /** The other end of the link, for logs. */
  readonly remote: string;
  /** The session stands for this component now; `isProved` when its key was seen. */
  become(twin: Twin, isProved: boolean): void;
  /** While a login is under way a session is held to less. */
  setPending(isPending: boolean): void;
}

/** A name that a session claims. */
export interface Claim {
  /** Id of the message that is answered when the claim is decided. */
  readonly id: MsgId;
  readonly cid: string;
  /** Whether the session proved it with the key of the name. */
  readonly isProved: boolean;
}
