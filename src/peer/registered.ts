import type { ExposeOptions, Handler, HandlerContext } from "./api.ts";

/** How a handler is called. */
export type HandlerOptions = Pick<ExposeOptions, "context">;

/** A handler, and whether it asked for its context (D34). */
export interface Registered {
  readonly handler: Handler;
  readonly context: boolean;
}

/** Joins a handler and its options. */
export function toRegistered(handler: Handler, options: HandlerOptions): Registered {
  return { handler, context: options.context ?? false };
}

/** Calls a handler; one that asked for it gets the context behind its arguments. */
export function invoke(
  { handler, context }: Registered,
  args: readonly unknown[],
  last: HandlerContext,
): unknown {
  return context ? handler(...args, last) : handler(...args);
}

/** What is wrong with the number of arguments, or `null`. Optional and rest parameters are not counted. */
export function arityProblem(
  topic: string,
  { handler, context }: Registered,
  given: number,
): string | null {
  const wanted = Math.max(0, handler.length - (context ? 1 : 0));
  if (given < wanted) return `"${topic}" takes at least ${plural(wanted)}, got ${given}`;
  if (context && handler.length > 0 && given > wanted) {
    return `"${topic}" takes exactly ${plural(wanted)}, got ${given}`;
  }
  return null;
}

function plural(count: number): string {
  return count === 1 ? "1 argument" : `${count} arguments`;
}
