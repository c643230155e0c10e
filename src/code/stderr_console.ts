type Print = (...values: readonly unknown[]) => void;

/** Label that the platform uses when none is given. */
const LABEL = "default";
/** Labels of counts and timers. What is beyond is not remembered. */
const LABELS_MAX = 1_000;

/**
 * Methods of a console that print with `print` what the platform would print on stdout. Tables, groups and counts
 * look simpler than there.
 */
export function consoleThrough(print: Print, now: () => number): Readonly<Record<string, Print>> {
  const counts = new Map<string, number>();
  const timers = new Map<string, number>();
  const remember = (map: Map<string, number>, label: string, value: number): void => {
    if (map.has(label) || map.size < LABELS_MAX) map.set(label, value);
  };
  const elapsed: Print = (label = LABEL, ...values) => {
    const since = timers.get(String(label));
    if (since !== undefined) print(`${String(label)}: ${Math.trunc(now() - since)}ms`, ...values);
  };
  return {
    log: print,
    info: print,
    debug: print,
    table: print,
    dir: (value) => print(value),
    dirxml: print,
    group: print,
    groupCollapsed: print,
    groupEnd(): void {},
    clear(): void {},
    count(label = LABEL): void {
      const count = (counts.get(String(label)) ?? 0) + 1;
      remember(counts, String(label), count);
      print(`${String(label)}: ${count}`);
    },
    countReset: (label = LABEL) => void counts.delete(String(label)),
    time: (label = LABEL) => remember(timers, String(label), now()),
    timeLog: elapsed,
    timeEnd(label = LABEL): void {
      elapsed(label);
      timers.delete(String(label));
    },
  };
}
