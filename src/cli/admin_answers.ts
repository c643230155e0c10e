import { CommandError } from "./exit.ts";

/** A registered name, or an admin without a key, as `list_users` tells. */
export interface User {
  readonly name: string;
  /** Kind of its key; `null` without one. */
  readonly kind: string | null;
  readonly admin: boolean;
  readonly connected: boolean;
}

/** A private topic and who may use it. */
export interface PrivateTopic {
  readonly topic: string;
  readonly names: readonly string[];
}

/** What `why` tells. */
export interface Verdict {
  readonly allowed: boolean;
  /** The rule that decides. */
  readonly rule: string;
  /** Who would get a message. */
  readonly receivers?: readonly string[];
  /** Who could answer a call. */
  readonly exposers?: readonly string[];
  /** Table that the topic fills, or the service is of. */
  readonly table?: string;
}

/** Reads the answer of `list_users`. Throws `CommandError` for anything else, as other brokers may send. */
export function usersFrom(answer: unknown): readonly User[] {
  return listOf(answer, "users", (entry) => {
    const { name, kind, admin, connected } = fieldsOf(entry);
    if (typeof name !== "string") return undefined;
    return {
      name,
      kind: typeof kind === "string" ? kind : null,
      admin: admin === true,
      connected: connected === true,
    };
  });
}

/** Reads a list of names. Throws `CommandError` for anything else. */
export function namesFrom(answer: unknown, what: string): readonly string[] {
  return listOf(answer, what, (entry) => typeof entry === "string" ? entry : undefined);
}

/** Reads the answer of `private_topics_config`, sorted. Throws `CommandError` for anything else. */
export function privateTopicsFrom(answer: unknown): readonly PrivateTopic[] {
  if (!isMap(answer)) throw unexpected("private topics");
  return Object.entries(answer)
    .map(([topic, names]) => ({ topic, names: namesFrom(names, "private topics").toSorted() }))
    .sort((one, other) => one.topic < other.topic ? -1 : 1);
}

/** Reads the answer of `why`. Throws `CommandError` for anything else. */
export function verdictFrom(answer: unknown): Verdict {
  const { allowed, rule, receivers, exposers, table } = fieldsOf(answer);
  if (typeof allowed !== "boolean" || typeof rule !== "string") throw unexpected("a verdict");
  return {
    allowed,
    rule,
    ...(receivers === undefined ? {} : { receivers: namesFrom(receivers, "receivers") }),
    ...(exposers === undefined ? {} : { exposers: namesFrom(exposers, "exposers") }),
    ...(typeof table === "string" ? { table } : {}),
  };
}

function listOf<T>(
  answer: unknown,
  what: string,
  read: (entry: unknown) => T | undefined,
): readonly T[] {
  if (!Array.isArray(answer)) throw unexpected(what);
  return answer.map((entry) => {
    const value = read(entry);
    if (value === undefined) throw unexpected(what);
    return value;
  });
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return isMap(value) ? value : {};
}

function unexpected(what: string): CommandError {
  return new CommandError(
    `Cannot read the answer: expected ${what}, got something else; is it a broker of this version?`,
  );
}
