import { equalBytes } from "../identity/attestation.ts";
import { ConnectionClosedError, LoginError, refusalText, Status } from "../protocol/errors.ts";
import type { MsgId, Response } from "../protocol/packet.ts";
import type { ConnectionMode } from "./options.ts";
import { challengeOf, type Claim, prove } from "./proof.ts";
import type { Session } from "./session.ts";

/** Version of the capabilities that we know (D3). */
const CAPABILITIES_VERSION = 1;
/** Topic of commands that are about the connection. */
export const CONFIG_TOPIC = "__config__";

/** Who logs in, and how. */
export interface Credentials extends Claim {
  readonly mode: ConnectionMode;
}

/**
 * Names the component at its broker, and proves the name when the broker asks for it (spec 4.2).
 *
 * Rejects with `LoginError` when the broker does not let it in (its status), or when there is no proof to give (11);
 * with `ConnectionClosedError` when the broker closes without an answer, as 0.8.12 does for a name in use; and with
 * `TimeoutError`.
 */
export async function login(session: Session, { mode, ...claim }: Credentials): Promise<void> {
  const attempt = new Login(session, claim);
  try {
    const answer = mode === "authenticated"
      ? await attempt.byChallenge()
      : await attempt.byIdentity();
    // Rembus.jl answers with two lists in the data: only the status decides.
    if (answer.status !== Status.OK) throw refused(answer, claim.name);
  } finally {
    attempt.end();
  }
}

/** One attempt to log in. */
class Login {
  readonly #session: Session;
  readonly #claim: Claim;
  /** Gives up what still waits when it is known how the attempt ended. */
  readonly #end = new AbortController();

  constructor(session: Session, claim: Claim) {
    this.#session = session;
    this.#claim = claim;
  }

  /** The answer is known: nobody waits for another one. */
  end(): void {
    this.#end.abort();
  }

  /** Says nothing before the broker asks for a proof. */
  async byChallenge(): Promise<Response> {
    const problem = `Cannot log in as "${this.#claim.name}": the broker did not ask for a proof, ` +
      'as one with "authenticated" does';
    const asked = await this.#session.bounded(this.#session.challenged, problem);
    return await this.#prove(this.#challengeOf(asked), asked.id);
  }

  /**
   * Says the name. The answer may be a challenge; and a broker that lets nobody in without a proof may ask for
   * one before it has read the name. Rembus.jl then answers the name after the proof, with the same status
   * (rembus-jl 5.4); ours answers it with a challenge, too (D29).
   */
  async byIdentity(): Promise<Response> {
    const named = this.#identify();
    // Whoever waits for it below may have heard enough before it settles.
    named.catch(ignore);
    const first = await Promise.race([
      named.then((response) => ({ response, isUnasked: false })),
      this.#session.challenged.then((response) => ({ response, isUnasked: true })),
    ]);
    const { response, isUnasked } = first;
    if (isUnasked) return await this.#crossed(named, response);
    if (response.status !== Status.CHALLENGE) return response;
    return await this.#prove(this.#challengeOf(response));
  }

  /** A challenge came while the name is not answered: whichever of the two answers lets us in counts. */
  async #crossed(named: Promise<Response>, unasked: Response): Promise<Response> {
    const challenge = this.#challengeOf(unasked);
    // Without a key neither can: that rejects at once.
    const signature = await this.#sign(challenge);
    const attested = this.#attest(signature, unasked.id);
    const identified = async (): Promise<Response> => {
      const response = await named;
      if (response.status !== Status.CHALLENGE) return response;
      const again = this.#challengeOf(response);
      // The same one again can be answered only once.
      return equalBytes(again, challenge) ? await attested : await this.#prove(again);
    };
    return await firstAccepted([attested, identified()]);
  }

  async #identify(): Promise<Response> {
    const { name } = this.#claim;
    try {
      return await this.#session.request({ type: "identity", cid: name }, this.#waiting);
    } catch (error) {
      throw closed(error, name, "the name may be in use");
    }
  }

  async #prove(challenge: Uint8Array, id?: MsgId): Promise<Response> {
    return await this.#attest(await this.#sign(challenge), id);
  }

  async #sign(challenge: Uint8Array): Promise<Uint8Array> {
    const { name } = this.#claim;
    const problem = `Cannot log in as "${name}": its key was not read in time`;
    try {
      return await this.#session.bounded(prove(challenge, this.#claim), problem);
    } catch (error) {
      throw closed(error, name, UNPROVED);
    }
  }

  /** Sends the proof. A challenge that nothing asked for is answered under its own id, as Rembus.jl expects. */
  async #attest(signature: Uint8Array, id?: MsgId): Promise<Response> {
    const { name } = this.#claim;
    const packet = { type: "attestation", cid: name, signature } as const;
    const question = id === undefined ? packet : { ...packet, id };
    try {
      return await this.#session.request(question, this.#waiting);
    } catch (error) {
      throw closed(error, name, UNPROVED);
    }
  }

  get #waiting(): { readonly signal: AbortSignal } {
    return { signal: this.#end.signal };
  }

  #challengeOf(response: Response): Uint8Array {
    return challengeOf(response, this.#claim.name);
  }
}

const UNPROVED = "before it had looked at the proof of the name";
const ignore = (): void => {};

/** The first answer that lets the component in; when none does, the first refusal; without one, the first error. */
async function firstAccepted(answers: readonly Promise<Response>[]): Promise<Response> {
  const refusals: Response[] = [];
  const accepted = answers.map(async (answer) => {
    const response = await answer;
    if (response.status === Status.OK) return response;
    refusals.push(response);
    throw new LoginError(response.status, "refused");
  });
  try {
    return await Promise.any(accepted);
  } catch (error) {
    const [refusal] = refusals;
    if (refusal !== undefined) return refusal;
    throw error instanceof AggregateError ? error.errors[0] : error;
  }
}

function closed(error: unknown, name: string, hint: string): unknown {
  if (!(error instanceof ConnectionClosedError)) return error;
  return new ConnectionClosedError(
    `Cannot log in as "${name}": the broker closed the connection, ${hint}`,
    { cause: error },
  );
}

function refused({ status, data }: Response, name: string): LoginError {
  return new LoginError(status, `Cannot log in as "${name}": ${refusalText(status, data.value)}`);
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
