import type { ByteStream } from "./byte_stream.ts";
import { UPGRADE_BYTES_MAX } from "./limits.ts";

/** What came of reading the head of an HTTP message: everything up to its empty line. */
export type Head =
  /** `head` has the empty line, `rest` came behind it. */
  | { readonly kind: "whole"; readonly head: Uint8Array; readonly rest: Uint8Array }
  /** It is no HTTP. */
  | { readonly kind: "foreign" }
  /** It did not end within {@link UPGRADE_BYTES_MAX}. */
  | { readonly kind: "too large" }
  /** The peer ended the connection before. */
  | { readonly kind: "lost" };

/** Room for a usual head; it grows with what comes. */
const HEAD_BYTES_USUAL = 1_024;
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// What no line may hold; a lone CR or LF would let two readers see two different heads.
// deno-lint-ignore no-control-regex
const CONTROL = /[\0-\x08\x0a-\x1f\x7f]/;
const CR = 0x0d;
const LF = 0x0a;

const latin1 = new TextDecoder("latin1");

/**
 * Reads up to the end of a head. `looksRight` is asked about everything that has come, so that a peer of
 * another protocol is not waited for. Rejects when the connection breaks.
 */
export async function readHead(
  stream: ByteStream,
  looksRight: (bytes: Uint8Array) => boolean,
): Promise<Head> {
  let bytes = new Uint8Array(HEAD_BYTES_USUAL);
  let end = 0;
  for (;;) {
    const count = await stream.read(bytes.subarray(end));
    if (count === null) return { kind: "lost" };
    const from = end;
    end += count;
    const come = bytes.subarray(0, end);
    if (!looksRight(come)) return { kind: "foreign" };
    const at = findHeadEnd(come, from);
    if (at !== -1) return { kind: "whole", head: come.subarray(0, at), rest: come.subarray(at) };
    if (end < bytes.length) continue;
    if (end === UPGRADE_BYTES_MAX) return { kind: "too large" };
    const larger = new Uint8Array(Math.min(bytes.length * 4, UPGRADE_BYTES_MAX));
    larger.set(bytes);
    bytes = larger;
  }
}

/** Index behind the empty line that ends the head; -1 when it has not come. */
export function findHeadEnd(bytes: Uint8Array, from: number): number {
  // The empty line may have begun before what came last.
  for (
    let at = bytes.indexOf(LF, Math.max(0, from - 3));
    at !== -1;
    at = bytes.indexOf(LF, at + 1)
  ) {
    if (at >= 3 && bytes[at - 1] === CR && bytes[at - 2] === LF && bytes[at - 3] === CR) {
      return at + 1;
    }
  }
  return -1;
}

/** The first line of a whole head, and its header lines. */
export function headLines(head: Uint8Array): { readonly first: string; readonly fields: string[] } {
  const [first = "", ...fields] = latin1.decode(head).slice(0, -4).split("\r\n");
  return { first, fields };
}

/** Whether a line holds nothing that would make two lines of it. */
export function isCleanLine(line: string): boolean {
  return !CONTROL.test(line);
}

/** Name in lower case -> values, in the order in which they came. */
export class HeaderLines {
  readonly #values = new Map<string, string[]>();

  /** Takes lines; `null` when one of them is no header line. */
  static from(lines: readonly string[]): HeaderLines | null {
    const headers = new HeaderLines();
    return lines.every((line) => headers.#add(line)) ? headers : null;
  }

  /** Every value of a name. */
  all(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** Whether one of the comma-separated tokens of a name is this one, in any case. */
  hasToken(name: string, token: string): boolean {
    return this.all(name).some((value) =>
      value.split(",").some((one) => one.trim().toLowerCase() === token)
    );
  }

  #add(line: string): boolean {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon)).toLowerCase();
    if (!isCleanLine(line) || !HEADER_NAME.test(name)) return false;
    const value = line.slice(colon + 1).trim();
    const values = this.#values.get(name);
    if (values === undefined) this.#values.set(name, [value]);
    else values.push(value);
    return true;
  }
}
