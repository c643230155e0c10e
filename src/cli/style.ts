import type { CliIo } from "./io.ts";

/** Marks up text for a terminal, or leaves it alone. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly dim: (text: string) => string;
}

const ESC = "\x1b[";
const paint = (on: number, off: number) => (text: string): string =>
  `${ESC}${on}m${text}${ESC}${off}m`;
const plain = (text: string): string => text;

const COLOURS: Style = {
  bold: paint(1, 22),
  good: paint(32, 39),
  bad: paint(31, 39),
  dim: paint(2, 22),
};
const PLAIN: Style = { bold: plain, good: plain, bad: plain, dim: plain };

/** Colours on a terminal, unless NO_COLOR is set (no-color.org). */
export function styleFor(io: CliIo): Style {
  return io.isTerminal && io.host.env("NO_COLOR") === undefined ? COLOURS : PLAIN;
}
