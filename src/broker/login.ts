import { Status } from "../protocol/errors.ts";
import { checkName } from "../protocol/name.ts";
import type { Identity } from "../protocol/packet.ts";
import { Payload } from "../protocol/payload.ts";
import type { Timer } from "../util/clock.ts";
import type { AdminCommands } from "./admin.ts";
import type { Calls } from "./calls.ts";
import type { Conversation } from "./conversation.ts";
import type { InterceptorChain } from "./interceptors.ts";
import { PROBE_MS } from "./limits.ts";
import type { Claim, Newcomer } from "./newcomer.ts";
import { Proofs } from "./proofs.ts";
import type { Admins } from "./admins.ts";
import type { AuditTrail } from "./audit.ts";
import type { Access } from "./access.ts";
import type { LocalNode } from "./local.ts";
import type { ResolvedBrokerOptions } from "./options.ts";
import { type Publishing, refusal } from "./publishing.ts";
import type { Registry } from "./registry.ts";
import type { Subscription } from "./subscription.ts";
import type { Twin } from "./twin.ts";

/** What a login touches. */
export interface LoginParts {
  readonly options: ResolvedBrokerOptions;
  readonly access: Access;
  readonly admins: Admins;
  readonly admin: AdminCommands;
  readonly calls: Calls;
  readonly interceptors: InterceptorChain;
  readonly local: LocalNode;
  readonly publishing: Publishing;
  readonly registry: Registry;
  readonly trail: AuditTrail;
}

/** One question to the holder of a name, and all who wait for what becomes of it. */
interface Probe {
  readonly name: string;
  readonly holder: Conversation;
  readonly receivedBefore: number;
  /** Session -> its claim, in the order they came. */
  readonly waiting: Map<Newcomer, Claim>;
  timer: Timer | null;
}

/** Why a name is not given: the end of a sentence, as the component knows what it asked for. */
const IN_USE = "expected a free name, got one in use";

/**
 * Takes IDENTITY (spec 4.2): the name is bound to the session if nobody else holds it, and if it is registered, once
 * the session proved that it has the key. A holder that does not answer for a second is a connection that died
 * unnoticed, and is replaced (D18).
 */
export class Login {
  /** Challenges, keys and PINs. */
  readonly proofs: Proofs;
  readonly #parts: LoginParts;
  /** Name -> question under way. */
  readonly #probes = new Map<string, Probe>();

  constructor(parts: LoginParts) {
    this.#parts = parts;
    this.proofs = new Proofs({
      ...parts,
      enter: (newcomer, claim) => this.#claim(newcomer, claim),
    });
  }

  /** Nobody is waited for any more. */
  close(): void {
    this.proofs.close();
    for (const { timer } of this.#probes.values()) timer?.cancel();
    this.#probes.clear();
  }

  /** Takes one IDENTITY of a session. */
  take(newcomer: Newcomer, packet: Identity): void {
    const name = packet.cid;
    const problem = name === this.#parts.options.name
      ? "expected a name other than that of the broker"
      : checkName(name);
    if (problem !== null) {
      refuse(newcomer, packet, problem);
    } else if (!newcomer.twin.anonymous) {
      this.#answerAgain(newcomer, packet);
    } else if (this.#needsKey(newcomer, name)) {
      this.proofs.challenge(newcomer, packet);
    } else {
      this.#bind(newcomer, { id: packet.id, cid: name, isProved: false });
      void this.#lookAgain(newcomer, name);
    }
  }

  /** A name that is registered, and any where nobody comes in without, but for a link inside this process. */
  #needsKey(newcomer: Newcomer, name: string): boolean {
    const { authenticated, keys } = this.#parts.options;
    return keys.has(name) || (authenticated && !newcomer.isTrusted);
  }

  /** A session proved its name. It may have got one meanwhile. */
  #claim(newcomer: Newcomer, claim: Claim): void {
    if (newcomer.twin.anonymous) this.#bind(newcomer, claim);
    else this.#answerAgain(newcomer, claim);
  }

  /** The operator may have put a key there that was not seen yet: then nobody has the name without it. */
  async #lookAgain(newcomer: Newcomer, name: string): Promise<void> {
    const { keys, logger } = this.#parts.options;
    try {
      // It may have been registered while the answer came.
      if (await keys.get(name) === null && !keys.has(name)) return;
    } catch (error) {
      logger.error("key not read", { name, error });
    }
    if (newcomer.isOpen && newcomer.name === name && !newcomer.isProved) {
      newcomer.close(1008, "the name is registered");
    }
  }

  /** The connection has a name: only that one can be asked for again. */
  #answerAgain(newcomer: Newcomer, packet: Pick<Claim, "id" | "cid">): void {
    if (newcomer.name === packet.cid) {
      newcomer.send(accepted(packet));
      return;
    }
    const text = `expected "${newcomer.name}", which this connection is already`;
    newcomer.send(refusal(packet.id, text, Status.IDENTIFICATION_ERROR));
  }

  #bind(newcomer: Newcomer, packet: Claim): void {
    const { options: { logger, overwriteConnection }, registry } = this.#parts;
    const holder = registry.get(packet.cid)?.conversation ?? null;
    if (holder === null) {
      this.#enter(newcomer, packet);
      return;
    }
    // Who has the key is stronger than who has not.
    if (overwriteConnection || (packet.isProved && !holder.isProved)) {
      logger.warn("component replaced", { name: packet.cid, remote: newcomer.remote });
      holder.close(1008, "replaced by a new connection");
      this.#enter(newcomer, packet);
      return;
    }
    const probe = this.#probes.get(packet.cid) ?? this.#ask(packet.cid, holder);
    // A newcomer that asks twice gets two answers, the first one now: only the last IDENTITY counts.
    const before = probe.waiting.get(newcomer);
    if (before !== undefined) newcomer.send(inUse(before));
    probe.waiting.set(newcomer, packet);
  }

  /** Asks the holder of a name whether it is there: once, however many want to know. */
  #ask(name: string, holder: Conversation): Probe {
    const probe: Probe = {
      name,
      holder,
      receivedBefore: holder.received,
      waiting: new Map(),
      timer: null,
    };
    this.#probes.set(name, probe);
    const { calls, options } = this.#parts;
    probe.timer = options.clock.setTimer(() => this.#decide(probe), PROBE_MS);
    calls.forward({
      exposer: holder,
      caller: null,
      topic: "rid",
      data: Payload.fromValue([]),
      ttlMs: PROBE_MS,
      traceparent: null,
      settle: ({ fromPeer }) => {
        // A holder that cannot be asked may still show that it lives.
        if (fromPeer || !holder.isOpen) this.#decide(probe);
      },
    });
    return probe;
  }

  /** A holder that is gone, or sent nothing since it was asked, loses the name. */
  #decide(probe: Probe): void {
    const { name, holder, waiting } = probe;
    if (this.#probes.get(name) !== probe) return;
    this.#probes.delete(name);
    probe.timer?.cancel();
    if (holder.isOpen && holder.received === probe.receivedBefore) {
      this.#parts.options.logger.warn("silent component replaced", { name });
      holder.close(1008, "replaced by a new connection");
    }
    for (const [newcomer, packet] of waiting) {
      // It may be gone, or have got another name; and of several only the first gets this one.
      if (!newcomer.isOpen) continue;
      if (!newcomer.twin.anonymous) this.#answerAgain(newcomer, packet);
      else if (this.#parts.registry.get(name)?.conversation) refuse(newcomer, packet);
      else this.#enter(newcomer, packet);
    }
  }

  #enter(newcomer: Newcomer, packet: Claim): void {
    const { interceptors, local, options, publishing, registry } = this.#parts;
    const name = packet.cid;
    const before = newcomer.twin;
    const twin = registry.enter({ name, anonymous: false });
    newcomer.become(twin, packet.isProved);
    // No data: a rembus.python client takes any for a challenge (spec 4.2).
    newcomer.send(accepted(packet));
    this.#carryOver(before, twin);
    registry.leave(before);
    options.logger.info("component logged in", { name, isProved: packet.isProved });
    interceptors.connected({ name, anonymous: false });
    const event = Payload.fromValue([{ event: "connection_up", cid: name }]);
    publishing.announce("component_info", event, { name: local.name, about: name, except: twin });
  }

  /** What a component did before it named itself goes over to its name. */
  #carryOver(before: Twin, twin: Twin): void {
    const { admin, options: { clock, logger } } = this.#parts;
    const pairs: [Subscription, Subscription][] = [];
    for (const old of before.subscriptions.values()) {
      const isNew = !twin.subscriptions.has(old.topic);
      const { status, data, after } = admin.subscribe(twin, old.topic, old.msgFrom);
      if (isNew) twin.goOn(before, old);
      after?.();
      const now = twin.subscriptions.get(old.topic);
      if (status === Status.OK && now !== undefined) pairs.push([old, now]);
      else logger.warn("subscription lost at login", { name: twin.name, reason: data });
    }
    for (const topic of before.services) {
      const { status, data } = admin.expose(twin, topic);
      if (status !== Status.OK) {
        logger.warn("service lost at login", { name: twin.name, reason: data });
      }
    }
    twin.takeOver(before, pairs);
    twin.window.addAll(before.window, clock.now());
  }
}

function accepted({ id }: Pick<Claim, "id">): Parameters<Conversation["send"]>[0] {
  return { type: "response", id, status: Status.OK, data: Payload.fromValue(null) };
}

function inUse(packet: Pick<Claim, "id">): Parameters<Conversation["send"]>[0] {
  return refusal(packet.id, IN_USE, Status.IDENTIFICATION_ERROR);
}

/** The status goes out before the close, so that a peer knows within milliseconds (spec 4.2). */
function refuse(newcomer: Newcomer, packet: Pick<Claim, "id">, problem: string = IN_USE): void {
  newcomer.send(refusal(packet.id, problem, Status.IDENTIFICATION_ERROR));
  newcomer.close(1008, "not logged in");
}
