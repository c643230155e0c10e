import { jsonLine } from "./values.ts";
import { cutTo, visible, widthOf } from "./visible.ts";

const GAP = "  ";
const NULL_TEXT = "null";
/** No column is made narrower than this to fit a terminal. */
const WIDTH_MIN = 6;
/** Rows of one piece of output. */
const ROWS_PER_PIECE = 1_000;

/** What is printed as a table. */
export interface TableRequest {
  /** Names of the columns. */
  readonly columns: readonly string[];
  /** Cells of each row. */
  readonly rows: Iterable<readonly unknown[]>;
  /** Characters of one line; wider tables are cut. `null` cuts nothing. */
  readonly width: number | null;
  /** Marks the line of names. */
  readonly head: (text: string) => string;
}

/** An aligned table, in pieces of many lines each: names, then rows, numbers to the right. */
export function* tableText({ columns, rows, width, head }: TableRequest): Iterable<string> {
  const names = columns.map(visible);
  const cells: string[][] = [];
  const isNumeric = names.map(() => true);
  const widths = names.map(widthOf);
  for (const row of rows) {
    const texts = row.map(cellText);
    cells.push(texts);
    for (const [at, text] of texts.entries()) {
      widths[at] = Math.max(widths[at] ?? 0, widthOf(text));
      isNumeric[at] &&= row[at] === null || isNumber(row[at]);
    }
  }
  const fitted = width === null ? widths : fit(widths, width);
  const isRight = isNumeric.map((numeric) => numeric && cells.length > 0);
  const lineOf = (texts: readonly string[]): string =>
    cutLine(texts.map((text, at) => pad(text, fitted[at] ?? 0, isRight[at] ?? false)), width);
  yield head(lineOf(names));
  for (let at = 0; at < cells.length; at += ROWS_PER_PIECE) {
    yield cells.slice(at, at + ROWS_PER_PIECE).map(lineOf).join("\n");
  }
}

function cutLine(texts: readonly string[], width: number | null): string {
  const line = texts.join(GAP).trimEnd();
  return width === null ? line : cutTo(line, width);
}

/** One cell on one line. */
function cellText(value: unknown): string {
  if (value === null) return NULL_TEXT;
  if (typeof value === "string") return visible(value);
  return typeof value === "number" ? String(value) : visible(jsonLine(value));
}

function isNumber(value: unknown): boolean {
  return typeof value === "number" || typeof value === "bigint";
}

function pad(text: string, width: number, isRight: boolean): string {
  const cut = cutTo(text, width);
  const space = " ".repeat(Math.max(0, width - widthOf(cut)));
  return isRight ? space + cut : cut + space;
}

/** Takes from the widest columns until all fit, as long as they keep `WIDTH_MIN`. */
function fit(widths: readonly number[], width: number): number[] {
  const gaps = GAP.length * Math.max(0, widths.length - 1);
  const total = widths.reduce((sum, one) => sum + one, 0);
  const room = Math.max(0, width - gaps);
  if (total <= room) return [...widths];
  // The width that all wider columns get: the largest with which the line has room.
  let limit = room;
  while (limit > WIDTH_MIN && sumCutTo(widths, limit) > room) limit--;
  return widths.map((one) => Math.min(one, limit));
}

function sumCutTo(widths: readonly number[], limit: number): number {
  return widths.reduce((sum, one) => sum + Math.min(one, limit), 0);
}
