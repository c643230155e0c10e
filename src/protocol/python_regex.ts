/** Deepest nesting of groups. Exceeded: not portable. */
const GROUPS_DEEP_MAX = 32;
/** Largest repetition count. Exceeded: not portable. */
const REPEAT_MAX = 1_000;

/** `*`, `+`, `?` or counts, possibly lazy. */
const QUANTIFIER = /(?:[*+?]|\{(\d{1,4})(?:,(\d{0,4}))?\})\??/y;
/** What stands for one character: a class escape, an escaped sign, a dot, or itself. */
const ATOM = /\\[dDwWsSnrtfv]|\\[^A-Za-z0-9]|[^\\^$|()[\]{}*+?]/uy;
/** Conditions that take no character; they cannot be repeated. */
const ASSERTION = /[\^$]|\\[bB]/y;
const GROUP = /\((?:\?[:=!])?/y;
/** A set of characters: single ones, ranges of letters or digits, class escapes. */
const SET =
  /\[\^?(?:a-z|A-Z|0-9|[a-z]-z|[A-Z]-Z|[0-9]-9|\\[dDwWsSnrtfv]|\\[^A-Za-z0-9]|[^\\^[\]\-&~|])+\]/uy;

/**
 * Why a regular expression may not compile in Python, as the end of a sentence, or `null` (D1). It accepts the
 * common core that all engines read alike; names, look-behind and back-references are not in it.
 */
export function regexProblem(source: string): string | null {
  const scanner = new Scanner(source);
  /** Whether each open group has anything in it. */
  const groups: boolean[] = [];
  let hasContent = false;
  while (!scanner.isAtEnd) {
    if (scanner.took(ASSERTION)) continue;
    if (scanner.tookChar("|")) continue;
    if (scanner.took(GROUP)) {
      if (groups.push(hasContent) > GROUPS_DEEP_MAX) return "nests groups too deep";
      hasContent = false;
      continue;
    }
    if (scanner.tookChar(")")) {
      const outer = groups.pop();
      if (outer === undefined) return "closes a group that is not open";
      if (hasContent) scanner.took(QUANTIFIER);
      hasContent = hasContent || outer;
    } else if (scanner.took(SET) || scanner.took(ATOM)) {
      hasContent = true;
      scanner.took(QUANTIFIER);
    } else {
      return "is no regular expression that all peers read alike";
    }
    if (!scanner.countsFit) return "repeats in a way that peers refuse";
  }
  return groups.length === 0 ? null : "does not close a group";
}

class Scanner {
  readonly #source: string;
  #at = 0;
  /** Whether the counts of the last quantifier are in order. */
  countsFit = true;

  constructor(source: string) {
    this.#source = source;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#source.length;
  }

  took(token: RegExp): boolean {
    token.lastIndex = this.#at;
    const match = token.exec(this.#source);
    if (match === null) return false;
    this.#at = token.lastIndex;
    if (token === QUANTIFIER) this.countsFit = fits(match[1], match[2]);
    return true;
  }

  tookChar(char: string): boolean {
    if (this.#source[this.#at] !== char) return false;
    this.#at++;
    return true;
  }
}

function fits(least: string | undefined, most: string | undefined): boolean {
  if (least === undefined) return true;
  const min = Number(least);
  const max = most === undefined || most === "" ? min : Number(most);
  return min <= max && max <= REPEAT_MAX;
}
