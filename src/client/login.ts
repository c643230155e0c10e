import { ConnectionClosedError, LoginError, Status, statusText } from "../protocol/errors.ts";
import type { Response } from "../protocol/packet.ts";
import type { Session } from "./session.ts";

/** Version of the capabilities that we know (D3). */
const CAPABILITIES_VERSION = 1;
/** Topic of commands that are about the connection. */
export const CONFIG_TOPIC = "__config__";

/**
 * Names the component at its broker (spec 4.2). Rejects with `LoginError` when the broker does not let it
 * in, and with `ConnectionClosedError` when it closes without an answer, as 0.8.12 does for a name in use.
 */
export async function login(session: Session, name: string): Promise<void> {
  const response = await answerTo(session, name);
  // Rembus.jl answers with two lists in the data: only the status decides.
  switch (response.status) {
    case Status.OK:
      return;
    case Status.CHALLENGE:
      throw new LoginError(
        Status.CHALLENGE,
        `Cannot log in as "${name}": the broker asks for a key, and keys are not there yet`,
      );
    default:
      throw new LoginError(
        response.status,
        `Cannot log in as "${name}": ${statusText(response.status, response.data.value)}`,
      );
  }
}

async function answerTo(session: Session, name: string): Promise<Response> {
  try {
    return await session.request({ type: "identity", cid: name });
  } catch (error) {
    if (!(error instanceof ConnectionClosedError)) throw error;
    throw new ConnectionClosedError(
      `Cannot log in as "${name}": the broker closed the connection, the name may be in use`,
      { cause: error },
    );
  }
}

/**
 * Asks the broker what it understands beyond the protocol (D3). A broker that knows no capabilities answers
 * OK without data, or with any error: then nothing beyond the protocol is sent. May be asked again with other wishes.
 */
export async function negotiate(session: Session, extras: boolean): Promise<void> {
  const response = await session.command(CONFIG_TOPIC, {
    cmd: "capabilities",
    v: CAPABILITIES_VERSION,
    ...(extras ? { extras } : {}),
  });
  const answer = response.data.value;
  const isMap = typeof answer === "object" && answer !== null && !Array.isArray(answer);
  if (response.status !== Status.OK || !isMap) return;
  session.setCapable({ history: "history" in answer && answer.history === true, extras });
}
