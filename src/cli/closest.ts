/** Typing errors further away than this are not worth a hint. */
const DISTANCE_MAX = 2;

/** The word that was probably meant, or `null`. */
export function closest(given: string, words: readonly string[]): string | null {
  let best: string | null = null;
  let least = DISTANCE_MAX + 1;
  for (const word of words) {
    const distance = word.startsWith(given) ? 1 : editDistance(given, word);
    if (distance < least) {
      best = word;
      least = distance;
    }
  }
  return best;
}

/** Insertions, deletions and replacements between two words (Levenshtein), row by row. */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replaced = from[row - 1] === to[column - 1] ? 0 : 1;
      current.push(Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + replaced,
      ));
    }
    previous = current;
  }
  return previous[to.length] ?? 0;
}

/** The end of an error message: `; did you mean "x"?`, or nothing. */
export function hint(given: string, words: readonly string[]): string {
  const word = closest(given, words);
  return word === null ? "" : `; did you mean "${word}"?`;
}
