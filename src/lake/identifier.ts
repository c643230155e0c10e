/**
 * The one place where names and literals become SQL text (spec 12 #66).
 *
 * @module
 */

/** A name as a quoted SQL identifier. Throws `RangeError` for a name with a zero character. */
export function ident(name: string): string {
  return `"${printable(name).replaceAll('"', '""')}"`;
}

/** A text as a SQL literal. Throws `RangeError` for a text with a zero character. */
export function literal(text: string): string {
  return `'${printable(text).replaceAll("'", "''")}'`;
}

/** Zero ends a text for the SQL parser, so nothing that holds one may come near it. */
function printable(text: string): string {
  if (text.includes("\0") || !text.isWellFormed()) {
    throw new RangeError("Cannot quote a text: expected Unicode without zero characters");
  }
  return text;
}
