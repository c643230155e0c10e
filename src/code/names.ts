import { NAME_BYTES_MAX } from "./limits.ts";

/** What code is run for: calls, or messages. */
export type CodeKind = "service" | "subscriber";
/** Both of them. */
export const CODE_KINDS: readonly CodeKind[] = ["service", "subscriber"];

/** Tag of code that was installed without one. */
export const TAG_DEFAULT = "main";

/** Every character that it accepts is one byte, and none means anything in a path. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

/**
 * What is wrong with a name or tag of code, or `null`. It is the second half of a sentence,
 * `expected ..., got ...`. A good one is safe as the name of a file.
 */
export function checkCodeName(name: string): string | null {
  if (name === "") return "expected a name, got an empty text";
  if (name.length > NAME_BYTES_MAX) {
    return `expected at most ${NAME_BYTES_MAX} bytes, got ${name.length}`;
  }
  if (name.includes("..")) return `expected no two dots in a row, got "${name}"`;
  // Windows drops a dot at the end, so that two names would be one directory.
  if (name.endsWith(".")) return `expected no dot at the end, got "${name}"`;
  if (NAME.test(name)) return null;
  return `expected a letter or digit, then letters, digits and . _ -, got ${JSON.stringify(name)}`;
}

/** The services by which code of one kind is distributed (spec 6.7). */
export interface CodeTopics {
  readonly install: string;
  readonly uninstall: string;
  readonly list: string;
}

/** The names of the services for one kind. */
export function codeTopics(kind: CodeKind): CodeTopics {
  const prefix = `deno_${kind}`;
  return {
    install: `${prefix}_install`,
    uninstall: `${prefix}_uninstall`,
    list: `${prefix}_list`,
  };
}

/** Services that no code may take the place of. */
const RESERVED: ReadonlySet<string> = new Set([
  "rid",
  "version",
  "uptime",
  ...CODE_KINDS.flatMap((kind) => Object.values(codeTopics(kind))),
]);

/** Whether a service of that name is part of every node, or distributes code. */
export function isReservedService(name: string): boolean {
  return RESERVED.has(name);
}
