import { Status } from "../protocol/errors.ts";
import { encodeCbor } from "../protocol/cbor.ts";
import type { Rpc } from "../protocol/packet.ts";
import { Payload } from "../protocol/payload.ts";
import { brokerAnswer, unavailable } from "./calls.ts";
import type { Answer, Conversation } from "./conversation.ts";
import type { BrokerParts } from "./parts.ts";
import type { RawService } from "./raw_service.ts";
import type { Subscriber } from "./subscription.ts";
import { errorText } from "../util/error_text.ts";

/** Who calls. */
export interface CallOrigin {
  readonly name: string;
  readonly isBroker: boolean;
  /** Whether the caller has the rights of an admin. @default {false} */
  readonly isAdmin?: boolean;
  /** Whether the name stands for one connection only. @default {false} */
  readonly isAnonymous?: boolean;
  /** The session that waits; `null` for the broker itself. */
  readonly conversation: Conversation | null;
  /** Who must not get the mirrored arguments back; `null` for the broker itself. */
  readonly twin: Subscriber | null;
}

/** What is done with the answer of a call. Must not hold its arguments: they may be large, and it may last. */
export type Settle = (answer: Answer) => void;

/** Sends a call where it belongs (spec 6.1). `settle` is called exactly once, unless the caller goes first. */
export function routeCall(
  parts: BrokerParts,
  from: CallOrigin,
  packet: Rpc,
  settle: Settle,
): void {
  const { access, exposers, local, options } = parts;
  const { topic, target } = packet;
  if (!access.can(from, "call", topic)) {
    parts.counters.refused++;
    options.logger.warn("call refused", { topic, from: from.name });
    // A private service is one that is not there (D7).
    settle(
      access.isRestricted(topic)
        ? brokerAnswer(Status.ERROR, "unauthorized")
        : brokerAnswer(Status.METHOD_NOT_FOUND, topic),
    );
    return;
  }
  if (target !== null && target !== options.name) {
    routeDirect(parts, from, { ...packet, target }, settle);
    return;
  }
  const raw = options.services.get(topic);
  if (raw !== undefined && !local.handlers.isExposed(topic)) {
    void callRaw(parts, from, packet, raw).then(settle);
    return;
  }
  if (local.handlers.hasService(topic)) {
    if (local.takesCall(packet.data.byteLength)) void callLocal(parts, from, packet).then(settle);
    else settle(unavailable(topic));
    return;
  }
  if (access.isCode(topic)) {
    settle(brokerAnswer(Status.METHOD_NOT_FOUND, topic));
    return;
  }
  const found = access.tenants.isApart && !from.isBroker
    ? exposers.choose(topic, ({ name }) => access.sameTenant(name, from.name))
    : exposers.choose(topic);
  switch (found.kind) {
    case "unknown":
      settle(brokerAnswer(Status.METHOD_NOT_FOUND, topic));
      return;
    case "unavailable":
      settle(unavailable(topic));
      return;
    case "found": {
      const toCaller = options.mirrorRpc ? mirroring(parts, from, packet, settle) : settle;
      forward(parts, from, packet, { exposer: found.exposer, settle: toCaller });
      return;
    }
    default:
      found satisfies never;
  }
}

/** A call for one component: 45 when it is unknown, 46 when it is away, 43 when it takes no more. */
function routeDirect(
  parts: BrokerParts,
  from: CallOrigin,
  packet: Rpc & { readonly target: string },
  settle: Settle,
): void {
  const twin = parts.registry.get(packet.target);
  const isThere = from.isBroker || parts.access.sameTenant(packet.target, from.name);
  if (twin === undefined || !isThere) {
    settle(brokerAnswer(Status.TARGET_NOT_FOUND, packet.target));
  } else if (twin.conversation === null) {
    settle(brokerAnswer(Status.TARGET_DOWN, packet.target));
  } else if (!twin.conversation.takesCalls) {
    settle(unavailable(packet.topic));
  } else {
    forward(parts, from, packet, { exposer: twin.conversation, settle });
  }
}

function forward(
  parts: BrokerParts,
  from: CallOrigin,
  packet: Rpc,
  to: { readonly exposer: Conversation; readonly settle: Settle },
): void {
  parts.calls.forward({
    ...to,
    caller: from.conversation,
    topic: packet.topic,
    data: packet.data,
    ttlMs: packet.extras?.ttl ?? null,
    traceparent: packet.extras?.tp ?? null,
  });
}

/** Publishes the arguments of a successful call to subscribers of its topic, behind the answer (D7). */
function mirroring(
  { publishing }: BrokerParts,
  from: CallOrigin,
  { topic, data }: Rpc,
  settle: Settle,
): Settle {
  return (answer) => {
    settle(answer);
    if (!answer.fromPeer || answer.status !== Status.OK) return;
    publishing.announce(topic, data, { name: from.name, about: from.name, except: from.twin });
  };
}

/** Runs a service that works on payload bytes. Never rejects. */
async function callRaw(
  { local, options: { logger } }: BrokerParts,
  from: CallOrigin,
  packet: Rpc,
  service: RawService,
): Promise<Answer> {
  const { topic } = packet;
  const bytes = packet.data.byteLength;
  if (!local.takesCall(bytes)) return unavailable(topic);
  local.began(bytes);
  try {
    const result = await service({
      topic,
      args: packet.data.cbor,
      from: from.name,
      isAnonymous: from.isAnonymous ?? false,
      ttlMs: packet.extras?.ttl ?? null,
    });
    return { status: Status.OK, data: Payload.fromCbor(result), fromPeer: false };
  } catch (error) {
    logger.info("service refused", { topic, error });
    return brokerAnswer(Status.METHOD_EXCEPTION, errorText(error));
  } finally {
    local.ended(bytes);
  }
}

/** Runs a service of the broker itself. Slow ones delay nobody: the caller alone waits. Never rejects. */
async function callLocal(parts: BrokerParts, from: CallOrigin, packet: Rpc): Promise<Answer> {
  const { local, options: { logger } } = parts;
  const { topic } = packet;
  const bytes = packet.data.byteLength;
  local.began(bytes);
  try {
    const { status, data } = await local.handlers.call(topic, packet.data.args, {
      topic,
      from: from.name,
      slot: null,
      qos: 0,
      node: local.callerOf(from.name),
    });
    return { status, data: Payload.fromCbor(encodeCbor(data)), fromPeer: false };
  } catch (error) {
    // Arguments that nobody can decode, or a result that nobody can encode.
    logger.warn("service failed", { topic, error });
    return brokerAnswer(
      Status.METHOD_EXCEPTION,
      errorText(error),
    );
  } finally {
    local.ended(bytes);
  }
}
