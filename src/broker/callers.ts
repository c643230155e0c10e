import { incomingValue, outgoingArgs } from "../frame/arguments.ts";
import { encodeCbor } from "../protocol/cbor.ts";
import { callError, ConnectionClosedError, LimitError, Status } from "../protocol/errors.ts";
import { Payload } from "../protocol/payload.ts";
import type { Caller } from "../peer/api.ts";
import { assertTopic } from "../peer/registration.ts";
import type { Calls } from "./calls.ts";
import type { Answer, Conversation } from "./conversation.ts";
import type { Registry } from "./registry.ts";
import type { Waits } from "./waits.ts";

/** What reaching a peer needs. */
export interface CallerParts {
  readonly calls: Calls;
  readonly registry: Registry;
  readonly waits: Waits;
  /** How long a call waits, in milliseconds. */
  readonly requestTimeoutMs: number;
}

/** The result of an answered call; throws the typed error of any other status. */
export function resultOf(topic: string, { status, data }: Answer): unknown {
  if (status === Status.OK) return incomingValue(data.value);
  throw callError(status, topic, data.value);
}

/** A connected peer as handlers of the broker may use it: publish and call it, and nobody else (spec 6.6). */
export function peerCaller(name: string, parts: CallerParts): Caller {
  return {
    rid: name,
    publish: (topic, ...args) => Promise.try(() => publishTo(name, parts, { topic, args })),
    rpc: (topic, ...args) => callPeer(name, parts, { topic, args }),
  };
}

interface Message {
  readonly topic: string;
  readonly args: readonly unknown[];
}

function publishTo(name: string, parts: CallerParts, { topic, args }: Message): void {
  assertTopic(topic);
  const sent = connected(name, parts, "publish to").offer({
    type: "publish",
    id: null,
    topic,
    qos: 0,
    slot: null,
    data: Payload.fromCbor(encodeCbor(outgoingArgs(args))),
    extras: null,
    frame: null,
  });
  switch (sent) {
    case "sent":
      return;
    case "full":
      throw new LimitError(`Cannot publish "${topic}" to "${name}": its outbound queue is full`);
    case "impossible":
      throw new TypeError(
        `Cannot publish "${topic}" to "${name}": the arguments fit no frame to it`,
      );
    default:
      sent satisfies never;
  }
}

async function callPeer(
  name: string,
  parts: CallerParts,
  { topic, args }: Message,
): Promise<unknown> {
  assertTopic(topic);
  const exposer = connected(name, parts, "call");
  const data = Payload.fromCbor(encodeCbor(outgoingArgs(args)));
  const { calls, waits, requestTimeoutMs: timeoutMs } = parts;
  const answer = await waits.answer((settle) => {
    calls.forward({
      exposer,
      caller: null,
      topic,
      data,
      ttlMs: timeoutMs,
      traceparent: null,
      settle,
    });
  }, { timeoutMs });
  return resultOf(topic, answer);
}

function connected(name: string, { registry }: CallerParts, action: string): Conversation {
  const conversation = registry.get(name)?.conversation ?? null;
  if (conversation === null) {
    throw new ConnectionClosedError(`Cannot ${action} "${name}": it is not connected`);
  }
  return conversation;
}
