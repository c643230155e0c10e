import type { Handler } from "./api.ts";
import { checkTopic, isReserved } from "../protocol/topic.ts";

/** A handler and the topic that it is for. */
export interface Registration<Options> {
  readonly topic: string;
  readonly handler: Handler;
  readonly options: Options;
}

/** The arguments of `subscribe` and `expose`: `(topic, handler, options?)` or `(handler, options?)`. */
export type RegistrationArgs<Options> =
  | readonly [topic: string, handler: Handler, options?: Options | undefined]
  | readonly [handler: Handler, options?: Options | undefined];

/**
 * Reads the arguments of `subscribe` or `expose`. Throws `TypeError` for a function without a name and
 * without a topic, and for a topic that breaks the rules of spec 5.6.
 */
export function registrationOf<Options extends object>(
  action: string,
  args: RegistrationArgs<Options>,
): Registration<Options> {
  const [first, second, third] = args;
  const options = (typeof first === "string" ? third : second) ?? {} as Options;
  const handler = typeof first === "string" ? second : first;
  if (typeof handler !== "function") {
    throw new TypeError(
      `Cannot ${action} "${String(first)}": expected a function, got ${typeof handler}`,
    );
  }
  const topic = typeof first === "string" ? first : handler.name;
  if (topic === "") {
    throw new TypeError(
      `Cannot ${action} a function without a name: expected a topic in front of it`,
    );
  }
  assertTopic(topic);
  return { topic, handler, options: options as Options };
}

/** Throws `TypeError` for a topic that breaks the rules, and for a reserved one (PROTOCOL.md 4.1). */
export function assertTopic(topic: string): void {
  const problem = checkTopic(topic);
  if (problem !== null) throw new TypeError(problem);
  if (isReserved(topic)) {
    throw new TypeError(`Cannot use topic "${topic}": topics that start with __ are reserved`);
  }
}
