import { NAME_BYTES_MAX } from "./limits.ts";

/** The name of the local end of every node, so nobody else may have it (spec 1). */
const NAME_LOCAL = "repl";
/** One or more segments joined by `/` (D30). Every character that it accepts is one byte. */
const NAME = /^[A-Za-z0-9_@-][A-Za-z0-9._@-]*(?:\/[A-Za-z0-9_@-][A-Za-z0-9._@-]*)*$/;
/** Domain of a name without a dot (spec 1). */
const DOMAIN_ROOT = ".";

/**
 * What is wrong with the name of a component, or `null` when it may be used (D30). It is the second
 * half of a sentence, `expected ..., got ...`, so that the caller says what it wanted the name for.
 * A good name is safe in paths, queries and patterns.
 */
export function checkName(name: string): string | null {
  if (name === "") return "expected a name, got an empty text";
  // Counted in characters: a name with longer ones is refused below in any case.
  if (name.length > NAME_BYTES_MAX) {
    return `expected at most ${NAME_BYTES_MAX} bytes, got ${name.length}`;
  }
  if (name === NAME_LOCAL) return `expected a name other than "${NAME_LOCAL}", got "${NAME_LOCAL}"`;
  if (name.includes("..")) return `expected no two dots in a row, got "${name}"`;
  if (NAME.test(name)) return null;
  return "expected segments of letters, digits and _ @ - . joined by /, none empty or starting " +
    `with a dot, got "${name}"`;
}

/** A tenant: the root, or a domain as it stands in names (D30). */
const TENANT = /^(?:\.|[A-Za-z0-9_@-]+(?:\.[A-Za-z0-9_@-]+)*)$/;

/** What is wrong with the name of a tenant, the second half of a sentence; `null` when nothing is. */
export function checkTenant(tenant: string): string | null {
  if (tenant.length <= NAME_BYTES_MAX && TENANT.test(tenant)) return null;
  return `expected "." or a domain such as acme.org, got "${tenant}"`;
}

/**
 * The domain of a name, which is also its tenant: the text after its first dot, and `.` when it has
 * none (spec 1). `alice.acme.org` -> `acme.org`, `alice` -> `.`, `x.` -> the empty text.
 */
export function domainOf(name: string): string {
  const dot = name.indexOf(".");
  return dot === -1 ? DOMAIN_ROOT : name.slice(dot + 1);
}
