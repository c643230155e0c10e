import { BOOLEAN_WORDS, parseBoolean } from "../host/boolean.ts";
import type { Tenant } from "../broker/state_store.ts";
import { checkName, checkTenant } from "../protocol/name.ts";
import { checkTopic } from "../protocol/topic.ts";
import type { LogRule } from "../store/log_rules.ts";

/** How values of one kind are read. The readers give `undefined` for what is not of the kind. */
export interface Kind<T> {
  /** What is expected, for error messages: `a number of seconds > 0`. */
  readonly wanted: string;
  /** Reads what an argument or environment variable says. */
  fromText(text: string): T | undefined;
  /** Reads a field of `settings.json`. */
  fromJson(value: unknown): T | undefined;
}

/** The longest time that a timer of the runtime can wait, in seconds. */
const SECONDS_MAX = 2_147_483;
const PORT_MAX = 65_535;
/** Rules of one broker; more are refused. */
const LOG_RULES_MAX = 1_000;
/** Entries of one list of topics, origins or tenants; more are refused. */
const LIST_MAX = 10_000;
/** The longest time that something may be kept: a hundred years. */
const DAYS_MAX = 36_525;
const DAY_SECONDS = 86_400;
const AGE_TEXT = /^(\d+(?:\.\d+)?)\s*([smhdw])?$/;
const AGE_UNITS: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3_600,
  d: DAY_SECONDS,
  w: 7 * DAY_SECONDS,
};
const DECIMAL = /^\d+(\.\d+)?$/;
const SIZE = /^(\d+(?:\.\d+)?)\s*([KMGT])?(?:i?B)?$/i;
const SIZE_UNITS = "KMGT";

interface NumberLimits {
  readonly wanted: string;
  readonly accepts: (value: number) => boolean;
}

function numberKind({ wanted, accepts }: NumberLimits): Kind<number> {
  const checked = (value: number): number | undefined => accepts(value) ? value : undefined;
  return {
    wanted,
    fromText: (text) => DECIMAL.test(text.trim()) ? checked(Number(text)) : undefined,
    fromJson: (value) => typeof value === "number" ? checked(value) : undefined,
  };
}

/** A time to wait for something. */
export const SECONDS: Kind<number> = numberKind({
  wanted: `a number of seconds > 0 and <= ${SECONDS_MAX}`,
  accepts: (value) => value > 0 && value <= SECONDS_MAX,
});

/** An interval that 0 turns off. */
export const INTERVAL: Kind<number> = numberKind({
  wanted: `a number of seconds from 0 (off) to ${SECONDS_MAX}`,
  accepts: (value) => value >= 0 && value <= SECONDS_MAX,
});

/** A number of days. */
export const DAYS: Kind<number> = numberKind({
  wanted: `a number of days > 0 and <= ${DAYS_MAX}`,
  accepts: (value) => value > 0 && value <= DAYS_MAX,
});

/** How old something may become, in seconds, with the units that people write: `90s`, `12h`, `7d`. */
export const AGE: Kind<number> = {
  wanted: "an age such as 90s, 30m, 12h or 7d",
  fromText(text: string): number | undefined {
    const match = AGE_TEXT.exec(text.trim());
    if (match === null) return undefined;
    return positive(Number(match[1]) * (AGE_UNITS[match[2] ?? "s"] ?? 1));
  },
  fromJson(value: unknown): number | undefined {
    if (typeof value === "string") return AGE.fromText(value);
    return typeof value === "number" ? positive(value) : undefined;
  },
};

function positive(seconds: number): number | undefined {
  return seconds > 0 && seconds <= DAYS_MAX * DAY_SECONDS ? seconds : undefined;
}

/** How often something is tried again. */
export const COUNT: Kind<number> = numberKind({
  wanted: "a whole number >= 0",
  accepts: (value) => Number.isSafeInteger(value) && value >= 0,
});

/** A port to listen on; 0 lets the system choose. */
export const PORT: Kind<number> = numberKind({
  wanted: `a port from 0 (any free one) to ${PORT_MAX}`,
  accepts: (value) => Number.isInteger(value) && value >= 0 && value <= PORT_MAX,
});

/** A size in bytes, with the binary units that people write: `512M`, `2GiB`. */
export const BYTES: Kind<number> = {
  wanted: "a size such as 1073741824, 512M or 1G",
  fromText(text: string): number | undefined {
    const match = SIZE.exec(text.trim());
    if (match === null) return undefined;
    const power = match[2] === undefined ? 0 : SIZE_UNITS.indexOf(match[2].toUpperCase()) + 1;
    return wholeBytes(Number(match[1]) * 1024 ** power);
  },
  fromJson(value: unknown): number | undefined {
    if (typeof value === "string") return BYTES.fromText(value);
    return typeof value === "number" ? wholeBytes(value) : undefined;
  },
};

function wholeBytes(value: number): number | undefined {
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

/** Yes or no. A file may also hold the words that an environment variable may hold. */
export const BOOLEAN: Kind<boolean> = {
  wanted: BOOLEAN_WORDS,
  fromText: parseBoolean,
  fromJson(value: unknown): boolean | undefined {
    if (typeof value === "string") return parseBoolean(value);
    return typeof value === "boolean" ? value : undefined;
  },
};

function textKind(wanted: string, accepts: (text: string) => boolean): Kind<string> {
  const checked = (text: string): string | undefined => accepts(text) ? text : undefined;
  return {
    wanted,
    fromText: checked,
    fromJson: (value) => typeof value === "string" ? checked(value) : undefined,
  };
}

/** A text that is not blank. */
export const TEXT: Kind<string> = textKind("a text", (text) => text.trim() !== "");

/** The name of a node: it becomes part of paths, so it is checked here already (D30). */
export const NAME: Kind<string> = textKind(
  "a name of letters, digits and _ @ - . with levels separated by /",
  (text) => checkName(text) === null,
);

/** Where component URLs without scheme, host or port point to (spec 1.2). */
export const BASE_URL: Kind<string> = textKind("a URL such as ws://127.0.0.1:8338", (text) => {
  const url = URL.parse(text);
  return url !== null && (url.protocol === "ws:" || url.protocol === "wss:") && url.hostname !== "";
});

/** Where the catalog of a DuckLake is (spec 8.1). */
export const DUCKLAKE_URL: Kind<string> = textKind(
  "a URL that begins with ducklake:",
  (text) => /^ducklake:./.test(text),
);

/** What is logged and what not: a list in a file, its JSON in a text. */
export const LOG_RULES: Kind<readonly LogRule[]> = {
  wanted: 'a list of rules such as {"topic": "video/**", "log": false}',
  fromText(text: string): readonly LogRule[] | undefined {
    try {
      return LOG_RULES.fromJson(JSON.parse(text));
    } catch (error) {
      if (error instanceof SyntaxError) return undefined;
      throw error;
    }
  },
  fromJson(value: unknown): readonly LogRule[] | undefined {
    if (!Array.isArray(value) || value.length > LOG_RULES_MAX) return undefined;
    const rules = value.map(logRule);
    return rules.every((rule) => rule !== undefined) ? rules : undefined;
  },
};

function logRule(value: unknown): LogRule | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { topic, log, ...others }: Record<string, unknown> = { ...value };
  const isRule = typeof topic === "string" && checkTopic(topic) === null &&
    typeof log === "boolean" && Object.keys(others).length === 0;
  return isRule ? { topic, log } : undefined;
}

/** Several names: a list in a file, separated by commas in a variable. */
export const NAMES: Kind<readonly string[]> = {
  wanted: "names, separated by commas",
  fromText: (text) => everyName(text.split(",").map((name) => name.trim())),
  fromJson: (value) => Array.isArray(value) ? everyName(value) : undefined,
};

function everyName(values: readonly unknown[]): readonly string[] | undefined {
  const names = values.filter((value): value is string => NAME.fromJson(value) !== undefined);
  return names.length === values.length ? names : undefined;
}

/** A number of something per second. */
export const RATE: Kind<number> = numberKind({
  wanted: "a whole number > 0",
  accepts: (value) => Number.isSafeInteger(value) && value > 0,
});

/** Several topics or patterns: a list in a file, separated by commas in a variable. */
export const TOPICS: Kind<readonly string[]> = listKind(
  "topics or patterns, separated by commas",
  (text) => checkTopic(text) === null,
);

/** Several web sites: a list in a file, separated by commas in a variable. */
export const ORIGINS: Kind<readonly string[]> = listKind(
  "web sites such as https://plant.example:8443, separated by commas, or *",
  (text) => text === "*" || URL.parse(text)?.origin === text,
);

function listKind(wanted: string, accepts: (text: string) => boolean): Kind<readonly string[]> {
  const checked = (values: readonly unknown[]): readonly string[] | undefined => {
    if (values.length > LIST_MAX) return undefined;
    const texts = values.filter((one): one is string => typeof one === "string" && accepts(one));
    return texts.length === values.length ? texts : undefined;
  };
  return {
    wanted,
    fromText: (text) => checked(text.split(",").map((one) => one.trim())),
    fromJson: (value) => Array.isArray(value) ? checked(value) : undefined,
  };
}

/** Tenants with their PINs, an object in a file: `{"acme.org": "deadbeef"}`. */
export const TENANTS: Kind<readonly Tenant[]> = {
  wanted: "an object with the PIN of each tenant",
  // A PIN in an argument or variable would be seen by others.
  fromText: () => undefined,
  fromJson(value: unknown): readonly Tenant[] | undefined {
    if (Array.isArray(value)) return isTenantList(value) ? value : undefined;
    if (typeof value !== "object" || value === null) return undefined;
    const tenants = Object.entries(value).map(([tenant, secret]) => ({ tenant, secret }));
    return isTenantList(tenants) ? tenants : undefined;
  },
};

function isTenantList(values: readonly unknown[]): values is readonly Tenant[] {
  return values.length <= LIST_MAX &&
    values.every((one) =>
      typeof one === "object" && one !== null && "tenant" in one && "secret" in one &&
      typeof one.tenant === "string" && checkTenant(one.tenant) === null &&
      typeof one.secret === "string" && one.secret !== ""
    );
}

/** One of a few words, upper or lower case; `synonyms` are read but never shown. */
export function choice<T extends string>(
  words: readonly T[],
  synonyms: Readonly<Record<string, T>> = {},
): Kind<T> {
  const table = new Map<string, T>([
    ...words.map((w) => [w, w] as const),
    ...Object.entries(synonyms),
  ]);
  const fromText = (text: string): T | undefined => table.get(text.trim().toLowerCase());
  return {
    wanted: `one of ${words.join(", ")}`,
    fromText,
    fromJson: (value) => typeof value === "string" ? fromText(value) : undefined,
  };
}
