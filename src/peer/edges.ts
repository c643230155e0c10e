import type { Contract, ServiceContract, StandardSchema } from "./contract.ts";

/** What a validator made of a value. */
export type Checked<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string };

/**
 * Checks a value that crosses an edge. Without a validator everything passes. The answer comes at once
 * unless the validator is asynchronous, so that order is kept where it can be.
 */
export function check<T>(
  schema: StandardSchema<T> | undefined,
  value: T,
): Checked<T> | Promise<Checked<T>> {
  if (schema === undefined) return { ok: true, value };
  const result = schema["~standard"].validate(value);
  return result instanceof Promise ? result.then(toChecked) : toChecked(result);
}

/** The validator of a topic's arguments, if the contract has one. */
export function topicSchema(
  contract: Contract,
  topic: string,
): StandardSchema<readonly unknown[]> | undefined {
  return own(contract.topics, topic);
}

/** The validators of a service, if the contract has any. */
export function serviceSchema(contract: Contract, topic: string): ServiceContract | undefined {
  return own(contract.services, topic);
}

type ResultOf<T> = Exclude<Awaited<ReturnType<StandardSchema<T>["~standard"]["validate"]>>, never>;

function toChecked<T>(result: ResultOf<T>): Checked<T> {
  if (result.issues === undefined) return { ok: true, value: result.value };
  return { ok: false, problem: result.issues.map(({ message }) => message).join("; ") };
}

/** Topics come from peers: `constructor` must not find what every object inherits. */
function own<T>(table: { readonly [key: string]: T } | undefined, key: string): T | undefined {
  return table !== undefined && Object.hasOwn(table, key) ? table[key] : undefined;
}
