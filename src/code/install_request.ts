import { CONTENT_BYTES_MAX } from "./limits.ts";
import { checkCodeName, TAG_DEFAULT } from "./names.ts";

/** What is to be installed. */
export interface InstallRequest {
  readonly name: string;
  readonly content: string;
  readonly tag: string;
}

/**
 * Reads the argument of an install: a map `{name, content, tag?}` (spec 6.7).
 *
 * @throws {TypeError} The text is for the caller.
 */
export function readInstallRequest(value: unknown): InstallRequest {
  const fields = fieldsOf(value);
  const name = requiredText("name", fields.name);
  const problem = checkCodeName(name);
  if (problem !== null) throw new TypeError(`Cannot install code: bad name, ${problem}`);
  const content = requiredText("content", fields.content);
  const { byteLength } = new TextEncoder().encode(content);
  if (byteLength > CONTENT_BYTES_MAX) {
    throw new TypeError(
      `Cannot install "${name}": expected at most ${CONTENT_BYTES_MAX} bytes, got ${byteLength}`,
    );
  }
  const tag = fields.tag ?? TAG_DEFAULT;
  const tagProblem = typeof tag === "string"
    ? checkCodeName(tag)
    : `expected text, got ${typeof tag}`;
  if (tagProblem !== null) throw new TypeError(`Cannot install "${name}": bad tag, ${tagProblem}`);
  return { name, content, tag: String(tag) };
}

interface Fields {
  readonly name?: unknown;
  readonly content?: unknown;
  readonly tag?: unknown;
}

function fieldsOf(value: unknown): Fields {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value instanceof Map ? Object.fromEntries(value) : value;
  }
  throw new TypeError("Cannot install code: expected a map with name and content");
}

function requiredText(field: string, value: unknown): string {
  if (typeof value === "string" && value !== "") return value;
  const got = value === "" ? "an empty text" : value === undefined ? "nothing" : typeof value;
  throw new TypeError(`Cannot install code: expected "${field}" as text, got ${got}`);
}
