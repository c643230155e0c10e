/** What would move the cursor, end a line or hide text: control characters, and marks of direction. */
const INVISIBLE = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu;
const NAMED: ReadonlyMap<string, string> = new Map([["\n", "\\n"], ["\r", "\\r"], ["\t", "\\t"]]);
const HEX = 16;
const DIGITS = 4;
const ELLIPSIS = "…";

/** A text from somewhere else on one line of a terminal, with what cannot be seen written out. */
export function visible(text: string): string {
  return text.replaceAll(
    INVISIBLE,
    (char) => NAMED.get(char) ?? `\\u${char.charCodeAt(0).toString(HEX).padStart(DIGITS, "0")}`,
  );
}

/** A text of at most `width` characters; one that was cut ends in an ellipsis. */
export function cutTo(text: string, width: number): string {
  if (text.length <= width) return text;
  const chars = Array.from(text);
  return chars.length <= width ? text : chars.slice(0, Math.max(0, width - 1)).join("") + ELLIPSIS;
}

/** Characters of a text as a terminal counts them, of those that are one column wide. */
export function widthOf(text: string): number {
  let width = 0;
  for (const _ of text) width++;
  return width;
}
