import type { Kind } from "./setting_kinds.ts";

/** One setting: where it may come from, how it is read, and what it means. */
export interface Setting<T> {
  /** Key of `settings.json`, and name in `config explain`. */
  readonly key: string;
  /** How its values are read. */
  readonly kind: Kind<T>;
  /** Value when nobody says anything. */
  readonly fallback: T;
  /** Command line option without dashes; `null` when there is none. */
  readonly flag: string | null;
  /** One-letter form of the option. */
  readonly letter: string | null;
  /** Environment variable; `null` when there is none. */
  readonly env: string | null;
  /** Whether the variable counts for `rembus broker` only: a script's own broker says it in code. */
  readonly daemon: boolean;
  /** Whether `settings.json` may hold it. Not what is needed to find that file. */
  readonly file: boolean;
  /** Whether the value may hold a password: it is not shown. */
  readonly secret: boolean;
  /** Unit of the value; `null` when it has none. */
  readonly unit: string | null;
  /** What it means, in one line. */
  readonly doc: string;
}

/** What a setting is made of: what is not said has no place or unit. */
export type SettingParts<T> =
  & Pick<Setting<T>, "key" | "kind" | "fallback" | "doc">
  & Partial<Setting<T>>;

/** Makes a setting. */
export function setting<T>(parts: SettingParts<T>): Setting<T> {
  return {
    flag: null,
    letter: null,
    env: null,
    daemon: false,
    file: true,
    secret: false,
    unit: null,
    ...parts,
  };
}
