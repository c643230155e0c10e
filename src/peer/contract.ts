/** One problem that a validator found. */
export interface SchemaIssue {
  /** What is wrong, in words. */
  readonly message: string;
}

/** What a validator answers: the value, or what is wrong with it. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/**
 * A validator that follows Standard Schema v1 (standardschema.dev): Zod, Valibot, ArkType and others.
 * Only this interface is used, so that no validator is a dependency.
 */
export interface StandardSchema<Output = unknown> {
  /** The one property of the standard. */
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined;
  };
}

/** The edges of one service. */
export interface ServiceContract {
  /** Checks the argument list, as one array. */
  readonly args?: StandardSchema<readonly unknown[]>;
  /** Checks the result. */
  readonly result?: StandardSchema;
}

/**
 * What a node and its peers agreed on: types of topics and services, checked where values cross the edge.
 * A topic or service that is not listed is neither typed nor checked.
 *
 * @example
 * ```ts
 * import { type as t } from "@rembus/cli/client";
 *
 * const contract = {
 *   topics: { "alarm": t<[text: string, level: string]>() },
 *   services: { "add": { args: t<[number, number]>(), result: t<number>() } },
 * } as const;
 * ```
 */
export interface Contract {
  /** Topic, or pattern as subscribed, -> validator of the argument list. */
  readonly topics?: { readonly [topic: string]: StandardSchema<readonly unknown[]> };
  /** Service -> its edges. */
  readonly services?: { readonly [service: string]: ServiceContract };
}

/** A contract that says nothing: everything is allowed and nothing is typed. */
// deno-lint-ignore ban-types
export type AnyContract = {};

/** What a validator gives. */
export type OutputOf<S> = S extends StandardSchema<infer Output> ? Output : unknown;
/** The argument list that a validator gives. */
export type ArgsOf<S> = OutputOf<S> extends infer A extends readonly unknown[] ? A
  : readonly unknown[];

/** The argument list of a topic under a contract. */
export type TopicArgs<C extends Contract, T extends string> = C["topics"] extends
  { readonly [K in T]: infer S } ? Readonly<ArgsOf<S>> : readonly unknown[];

/** The argument list of a service under a contract. */
export type ServiceArgs<C extends Contract, T extends string> = C["services"] extends
  { readonly [K in T]: { readonly args: infer S } } ? Readonly<ArgsOf<S>> : readonly unknown[];

/** The result of a service under a contract. */
export type ServiceResult<C extends Contract, T extends string> = C["services"] extends
  { readonly [K in T]: { readonly result: infer S } } ? OutputOf<S> : unknown;

/** A validator that accepts everything and only carries a type. */
export function type<Output>(): StandardSchema<Output> {
  return {
    "~standard": {
      version: 1,
      vendor: "rembus",
      validate: (value: unknown): SchemaResult<Output> => ({ value: value as Output }),
    },
  };
}
