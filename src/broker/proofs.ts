import { equalBytes } from "../identity/attestation.ts";
import { KeyError } from "../identity/errors.ts";
import { readVerifier, secretVerifier, type Verifier } from "../identity/verifier.ts";
import { RembusError, Status } from "../protocol/errors.ts";
import { checkName, domainOf } from "../protocol/name.ts";
import type { Attestation, MsgId, Packet, Register } from "../protocol/packet.ts";
import { Payload } from "../protocol/payload.ts";
import type { Timer } from "../util/clock.ts";
import { errorText } from "../util/error_text.ts";
import type { Access } from "./access.ts";
import type { Admins } from "./admins.ts";
import type { AuditTrail } from "./audit.ts";
import type { StoredKey } from "./keys.ts";
import { KEY_BYTES_MAX } from "./limits.ts";
import type { Claim, Newcomer } from "./newcomer.ts";
import type { ResolvedBrokerOptions } from "./options.ts";
import { type Challenge, PendingLogins } from "./pending_logins.ts";
import { refusal } from "./publishing.ts";
import type { Registry } from "./registry.ts";
import { type AttemptKeys, Slowdown } from "./slowdown.ts";

/** What proofs touch. */
export interface ProofsParts {
  readonly options: ResolvedBrokerOptions;
  readonly access: Access;
  readonly admins: Admins;
  readonly registry: Registry;
  readonly trail: AuditTrail;
  /** A session proved a name: it gets it, unless somebody who also did holds it. Answers the claim. */
  readonly enter: (newcomer: Newcomer, claim: Claim) => void;
}

/** Id of the challenge that is sent unasked (rembus-jl 5.4). */
const UNASKED_ID = 0x1234_5678_dead_beefn as MsgId;
const SLOW_DOWN = "too many failed attempts, try again later";
/** Kind of a key -> the number that REGISTER has for it (spec 4.3); any other number means ECDSA. */
const RSA_TYPE = 1;

const encoder = new TextEncoder();

/** Why something was refused. */
interface Refused {
  readonly status: number;
  readonly reason: string;
}

/** Keys and PINs: challenges, ATTESTATION, REGISTER and UNREGISTER (spec 4.2, 4.3; D28, D29). */
export class Proofs {
  readonly #parts: ProofsParts;
  readonly #slowdown: Slowdown;
  readonly #pending: PendingLogins;
  /** Session whose attempt waits for its check -> what ends the wait. */
  readonly #pauses = new Map<Newcomer, () => void>();

  constructor(parts: ProofsParts) {
    this.#parts = parts;
    this.#slowdown = new Slowdown(parts.options.clock);
    this.#pending = new PendingLogins(parts.options);
  }

  /** Nobody is waited for any more. */
  close(): void {
    this.#pending.close();
    for (const end of this.#pauses.values()) end();
  }

  /** A session begins that may do nothing before it has logged in (D29). */
  expect(newcomer: Newcomer): void {
    this.#pending.expect(newcomer, () => this.#sendChallenge(newcomer, UNASKED_ID, null));
  }

  /** A session is over. */
  left(newcomer: Newcomer): void {
    this.#pending.forget(newcomer);
    this.#pauses.get(newcomer)?.();
  }

  /** Asks a session to prove the name that it claims. */
  challenge(newcomer: Newcomer, { id, cid }: Pick<Claim, "id" | "cid">): void {
    if (this.#pending.isChecking(newcomer)) {
      newcomer.send(refusal(id, "expected one login at a time"));
    } else {
      this.#sendChallenge(newcomer, id, cid);
    }
  }

  /** Takes ATTESTATION: the answer to a challenge. */
  async attest(newcomer: Newcomer, packet: Attestation): Promise<void> {
    const { id, cid } = packet;
    if (newcomer.isProved && newcomer.name === cid) {
      // Rembus.jl answers both challenges when one was sent unasked.
      newcomer.send(done(id));
      return;
    }
    const challenge = this.#pending.take(newcomer);
    if (challenge === null) {
      newcomer.send(refusal(id, "expected a challenge to answer, got none"));
      return;
    }
    const problem = await this.#attempt(newcomer, cid, () => this.#check(packet, challenge));
    if (!newcomer.isOpen) return;
    const { options, trail } = this.#parts;
    const note = { by: cid, remote: newcomer.remote, action: "login", cid } as const;
    if (problem === null) {
      this.#pending.settle(newcomer);
      // Of all others there are too many: they would drive out what matters.
      if (this.#parts.admins.has(cid)) trail.note({ ...note, outcome: "done" });
      this.#parts.enter(newcomer, { id, cid, isProved: true });
      return;
    }
    trail.note({ ...note, outcome: "refused", reason: problem.reason });
    newcomer.send(refusal(id, problem.reason, problem.status));
    // Where anybody may come in, it stays what it was; else its time goes on.
    if (!options.authenticated) this.#pending.settle(newcomer);
  }

  /** Takes REGISTER: a key for a name, by who knows the PIN of its tenant. */
  async register(newcomer: Newcomer, packet: Register): Promise<void> {
    const { id, cid } = packet;
    const { options, registry, trail } = this.#parts;
    const problem = this.#pending.isChecking(newcomer)
      ? refused("expected one registration at a time")
      : await this.#register(newcomer, packet);
    const note = { by: newcomer.name, remote: newcomer.remote, action: "register", cid } as const;
    if (problem !== null) {
      trail.note({ ...note, outcome: "refused", reason: problem.reason });
      newcomer.send(refusal(id, problem.reason, problem.status));
      return;
    }
    trail.note({ ...note, outcome: "done" });
    newcomer.send(done(id));
    const holder = registry.get(cid)?.conversation ?? null;
    if (holder === null || holder === newcomer || holder.isProved) return;
    options.logger.warn("component without key dropped", { name: cid });
    holder.close(1008, "the name was registered");
  }

  /** Takes UNREGISTER: the owner gives its key up. Its connection keeps the name. */
  async unregister(newcomer: Newcomer, id: MsgId): Promise<void> {
    const { name, remote } = newcomer;
    const problem = newcomer.isProved ? await this.#remove(name) : "invalid operation";
    const outcome = problem === null ? "done" : "refused";
    this.#parts.trail.note({
      by: name,
      remote,
      action: "unregister",
      cid: name,
      outcome,
      reason: problem,
    });
    newcomer.send(problem === null ? done(id) : refusal(id, problem));
  }

  #sendChallenge(newcomer: Newcomer, id: MsgId, name: string | null): void {
    const bytes = this.#pending.challenge(newcomer, name);
    newcomer.send({
      type: "response",
      id,
      status: Status.CHALLENGE,
      data: Payload.fromValue(bytes),
    });
  }

  /** Checks something that could be guessed: not faster than {@link Slowdown} allows. Never rejects. */
  async #attempt(
    newcomer: Newcomer,
    subject: string,
    check: () => Promise<Refused | null>,
  ): Promise<Refused | null> {
    const keys: AttemptKeys = { subject, address: hostOf(newcomer.remote) };
    const pauseMs = this.#slowdown.begin(keys);
    if (pauseMs === null) return refused(SLOW_DOWN);
    this.#pending.checking(newcomer, true);
    try {
      if (pauseMs > 0) await this.#pause(newcomer, pauseMs);
      if (!newcomer.isOpen) return refused("the connection ended");
      const problem = await check();
      if (problem === null) this.#slowdown.succeeded(keys);
      else this.#slowdown.failed(keys);
      return problem;
    } catch (error) {
      // Else it would count as under way for as long as a check may take.
      this.#slowdown.failed(keys);
      this.#parts.options.logger.error("login not checked", { name: subject, error });
      return refused("cannot check it at the moment");
    } finally {
      this.#pending.checking(newcomer, false);
    }
  }

  /** Ends early with the session, so that nothing is held for who is gone. */
  #pause(newcomer: Newcomer, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.#pauses.delete(newcomer);
        resolve();
      };
      const timer: Timer = this.#parts.options.clock.setTimer(end, ms);
      this.#pauses.set(newcomer, end);
    });
  }

  async #check(
    { cid, signature }: Attestation,
    { bytes, name }: Challenge,
  ): Promise<Refused | null> {
    const wrong = refused("authentication failed");
    if (name !== null && name !== cid) return wrong;
    if (checkName(cid) !== null || signature.byteLength > KEY_BYTES_MAX) return wrong;
    const verifier = await this.#verifierOf(cid);
    if (verifier === null) return wrong;
    return await verifier.verify(bytes, cid, signature) ? null : wrong;
  }

  /** `null` for a name without a key, and for a key that nobody can have. */
  async #verifierOf(name: string): Promise<Verifier | null> {
    const { keys, logger } = this.#parts.options;
    try {
      const stored = await keys.get(name);
      if (stored === null) return null;
      return stored.kind === "secret"
        ? secretVerifier(stored.bytes)
        : await readVerifier(stored.bytes);
    } catch (error) {
      if (!(error instanceof KeyError)) throw error;
      logger.error("stored key unusable", { name, reason: error.message });
      return null;
    }
  }

  async #register(newcomer: Newcomer, packet: Register): Promise<Refused | null> {
    const { access, options: { keys, logger, name: broker } } = this.#parts;
    const { cid, pin, publicKey } = packet;
    const problem = cid === broker
      ? "expected a name other than that of the broker"
      : checkName(cid);
    if (problem !== null) return refused(`Cannot register: ${problem}`);
    const tenant = domainOf(cid);
    const secret = access.tenants.secretOf(tenant);
    if (secret === null) return refused(`tenant [${tenant}] not enabled`);
    const wrongPin = await this.#attempt(
      newcomer,
      `PIN of ${tenant}`,
      async () => await isSame(pin, secret) ? null : refused("wrong tenant/pin"),
    );
    if (wrongPin !== null) return wrongPin;
    if (keys.has(cid)) return notAvailable(cid);
    try {
      const key = await readKey(publicKey, packet.keyType);
      return await keys.put(cid, key) ? null : notAvailable(cid);
    } catch (error) {
      // Its text is meant for peers.
      if (error instanceof RembusError) return refused(error.message);
      logger.error("key not stored", { name: cid, error });
      return refused("Cannot register: the key could not be stored");
    }
  }

  async #remove(name: string): Promise<string | null> {
    try {
      return await this.#parts.options.keys.remove(name) ? null : "invalid operation";
    } catch (error) {
      this.#parts.options.logger.error("key not removed", { name, error });
      return `Cannot unregister "${name}": ${errorText(error)}`;
    }
  }
}

/** A public key as it is stored, once it is known to be one. Rejects with `KeyError`. */
export async function readKey(publicKey: Uint8Array, keyType?: number): Promise<StoredKey> {
  if (publicKey.byteLength > KEY_BYTES_MAX) {
    throw new KeyError(`Cannot use the key: expected at most ${KEY_BYTES_MAX} bytes`);
  }
  const { kind } = await readVerifier(publicKey);
  if (keyType !== undefined && (keyType === RSA_TYPE) !== (kind === "rsa")) {
    throw new KeyError(`Cannot use the key: expected one of the kind that was told, got ${kind}`);
  }
  return { kind, bytes: publicKey };
}

/** Takes the same time for every wrong text of a length. */
async function isSame(one: string, other: string): Promise<boolean> {
  const digests = await Promise.all([digestOf(one), digestOf(other)]);
  return equalBytes(...digests);
}

async function digestOf(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", encoder.encode(text)));
}

/** The host in `host:port`, or all of what is none. */
export function hostOf(remote: string): string {
  const match = /^\[(.+)\]:\d+$/.exec(remote) ?? /^(.+):\d+$/.exec(remote);
  return match?.[1] ?? remote;
}

function notAvailable(cid: string): Refused {
  return { status: Status.NAME_ALREADY_TAKEN, reason: `[${cid}] not available` };
}

function refused(reason: string): Refused {
  return { status: Status.ERROR, reason };
}

function done(id: MsgId): Packet {
  return { type: "response", id, status: Status.OK, data: Payload.fromValue(null) };
}
