import { fromBase64, toBase64 } from "../protocol/base64.ts";
import { KeyError } from "./errors.ts";

const LINE_CHARS = 64;
const BEGIN_ANY = "-----BEGIN";
const BEGIN = `${BEGIN_ANY} `;
/** The byte order mark of UTF-8, read as Latin-1. */
const UTF8_MARK = /^\u00ef\u00bb\u00bf/;
const LINE_END = /\r\n|\r|\n/;
const BASE64_LINE = /^[A-Za-z0-9+/]*={0,2}$/;

/** One block of a PEM text (RFC 7468). */
export interface PemBlock {
  /** What the block says that it is, such as `EC PRIVATE KEY`. Chosen by who wrote it: not for error texts. */
  readonly label: string;
  /** Its content; `null` when it is encrypted. */
  readonly der: Uint8Array | null;
}

/** Whether bytes are meant as PEM: a line begins a block. Other lines may be before it, such as comments. */
export function isPem(bytes: Uint8Array): boolean {
  return linesOf(bytes).some((line) => line.startsWith(BEGIN_ANY));
}

/** The lines. Only ASCII counts within a block, and what is around it may be in any encoding. */
function linesOf(bytes: Uint8Array): readonly string[] {
  const lines = new TextDecoder("latin1").decode(bytes).split(LINE_END);
  // Some editors put a byte order mark in front.
  return lines.map((line, at) => (at === 0 ? line.replace(UTF8_MARK, "") : line).trim());
}

/** The blocks of a PEM text, at least one. Throws {@link KeyError} for a damaged block. */
export function readPem(bytes: Uint8Array): readonly PemBlock[] {
  const blocks: PemBlock[] = [];
  let open: { readonly label: string; readonly lines: string[] } | null = null;
  for (const line of linesOf(bytes)) {
    if (line.startsWith(BEGIN)) {
      if (open !== null || !line.endsWith("-----")) throw damaged();
      open = { label: line.slice(BEGIN.length, -"-----".length), lines: [] };
    } else if (open !== null && line === `-----END ${open.label}-----`) {
      blocks.push(blockOf(open.label, open.lines));
      open = null;
    } else {
      open?.lines.push(line);
    }
  }
  if (open !== null || blocks.length === 0) throw damaged();
  return blocks;
}

function blockOf(label: string, lines: readonly string[]): PemBlock {
  // Traditional encrypted keys say so in a header (RFC 1421), those of PKCS#8 in the label.
  if (
    label === "ENCRYPTED PRIVATE KEY" || lines.some((line) => /^Proc-Type:.*ENCRYPTED/.test(line))
  ) {
    return { label, der: null };
  }
  if (!lines.every((line) => BASE64_LINE.test(line))) throw damaged();
  try {
    return { label, der: fromBase64(lines.join("")) };
  } catch (cause) {
    throw damaged({ cause });
  }
}

function damaged(options?: ErrorOptions): KeyError {
  return new KeyError("Cannot read a key: expected complete PEM, got a damaged one", options);
}

/** DER as a PEM text with this label. */
export function writePem(label: string, der: Uint8Array): string {
  const lines = toBase64(der).match(new RegExp(`.{1,${LINE_CHARS}}`, "g")) ?? [];
  return `${BEGIN}${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
