/** A function of a module, and the name of its export. */
export interface Chosen {
  readonly name: string;
  readonly run: (...args: readonly unknown[]) => unknown;
}

const DEFAULT = "default";

/**
 * The function of a module that is called: its export called like `name`, else the default export, else the
 * first exported function in alphabetical order; `null` when it exports none (spec 6.7).
 */
export function chooseFunction(
  module: Readonly<Record<string, unknown>>,
  name: string,
): Chosen | null {
  const others = Object.keys(module).filter((key) => key !== DEFAULT).sort();
  for (const key of [name, DEFAULT, ...others]) {
    const value = Object.hasOwn(module, key) ? module[key] : undefined;
    if (typeof value === "function") return { name: key, run: value as Chosen["run"] };
  }
  return null;
}
