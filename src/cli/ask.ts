/** Codes of keys while a terminal passes on every key as it is. */
const KEY = { CTRL_C: 3, CTRL_D: 4, BACKSPACE: 8, LINE_FEED: 10, ENTER: 13, DELETE: 127 } as const;
/** The longest answer in bytes; what is typed beyond is not taken. */
const ANSWER_MAX = 4_096;

/** A terminal, as far as a question needs one. Tests give their own. */
export interface Terminal {
  /** Whether somebody can answer. */
  isTerminal(): boolean;
  /** Shows something. */
  show(text: string): void;
  /** Whether keys come as they are typed, without being shown. */
  setRaw(isOn: boolean): void;
  /** Reads keys; `null` at the end. */
  read(into: Uint8Array): Promise<number | null>;
}

const SYSTEM_TERMINAL: Terminal = {
  isTerminal: () => Deno.stdin.isTerminal(),
  show: (text) => void Deno.stderr.writeSync(new TextEncoder().encode(text)),
  setRaw: (isOn) => Deno.stdin.setRaw(isOn),
  read: (into) => Deno.stdin.read(into),
};

/**
 * Asks something on the terminal and does not show the answer. The question goes to standard error, so that output
 * can be redirected. `null` when there is no terminal, or the answer was broken off (Ctrl-C, Ctrl-D).
 */
export async function askUnseen(
  question: string,
  terminal: Terminal = SYSTEM_TERMINAL,
): Promise<string | null> {
  if (!terminal.isTerminal()) return null;
  terminal.show(question);
  terminal.setRaw(true);
  try {
    return await answerOf(terminal);
  } finally {
    terminal.setRaw(false);
    terminal.show("\n");
  }
}

async function answerOf(terminal: Terminal): Promise<string | null> {
  const typed: number[] = [];
  const keys = new Uint8Array(ANSWER_MAX);
  for (;;) {
    const count = await terminal.read(keys);
    if (count === null) return null;
    for (const key of keys.subarray(0, count)) {
      switch (key) {
        case KEY.ENTER:
        case KEY.LINE_FEED:
          return new TextDecoder().decode(Uint8Array.from(typed));
        case KEY.CTRL_C:
        case KEY.CTRL_D:
          return null;
        case KEY.BACKSPACE:
        case KEY.DELETE:
          eraseLast(typed);
          break;
        default:
          if (typed.length < ANSWER_MAX) typed.push(key);
      }
    }
  }
}

/** Takes away the last character, which may be of several bytes. */
function eraseLast(typed: number[]): void {
  const isInside = (byte: number | undefined): boolean =>
    byte !== undefined && (byte & 0xc0) === 0x80;
  while (isInside(typed.at(-1))) typed.pop();
  typed.pop();
}
