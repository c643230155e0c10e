import type { Clock } from "../util/clock.ts";
import { VERSION } from "../util/version.ts";
import type { Handlers } from "./handlers.ts";

/** What the builtin services tell about. */
export interface BuiltinsParts {
  /** Name of the node: the answer of `rid`. */
  readonly rid: string;
  readonly clock: Clock;
}

/** Adds `rid`, `version` and `uptime` to the services of a node. Arguments are ignored (spec 6.7). */
export function addBuiltins(handlers: Handlers, { rid, clock }: BuiltinsParts): void {
  const startedAt = clock.now();
  handlers.setBuiltin("rid", () => rid);
  handlers.setBuiltin("version", () => `deno_${VERSION}`);
  handlers.setBuiltin("uptime", () => `up for ${(clock.now() - startedAt) / 1_000} seconds`);
}
