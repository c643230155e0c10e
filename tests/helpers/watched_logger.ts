import type { Logger } from "../../src/util/log.ts";

/** A shorter secret would be found by chance. */
const SECRET_UNITS_MIN = 6;
/** Letters of base64 at either end of a secret within a longer text that depend on what stands beside it. */
const ALIGNMENTS = [0, 1, 2] as const;
/** How deep a field is searched. */
const DEPTH_MAX = 12;
const PEM_LINE = /^-----/;

const encoder = new TextEncoder();

/** What a secret may look like in a log. */
interface Forms {
  /** Texts, in which upper and lower case differ. */
  readonly exact: readonly string[];
  /** Hexadecimal digits, in lower case. */
  readonly hex: string;
}

const watched = new Map<string, Forms>();

/**
 * From now on no {@link WatchedLogger} may be given this: as text, as hexadecimal digits, in base64 or as a list of
 * bytes. Of a PEM file every line counts. Throws `RangeError` for one that is too short to be searched for.
 */
export function watchSecret(secret: string | Uint8Array): void {
  const text = typeof secret === "string" ? secret : null;
  const bytes = text === null ? secret as Uint8Array : encoder.encode(text);
  if (bytes.length < SECRET_UNITS_MIN) {
    throw new RangeError(
      `Cannot watch a secret: expected ${SECRET_UNITS_MIN} bytes or more, got ${bytes.length}`,
    );
  }
  const hex = bytes.toHex();
  if (watched.has(hex)) return;
  const lines = (text ?? decodeLoosely(bytes)).split(/\r?\n/).map((line) => line.trim());
  const isPem = lines.some((line) => PEM_LINE.test(line));
  const inner = isPem
    ? lines.filter((line) => line.length >= SECRET_UNITS_MIN && !PEM_LINE.test(line))
    : [decodeLoosely(bytes)];
  watched.set(hex, {
    hex,
    exact: [
      ...inner.filter((line) => !line.includes("\ufffd")),
      ...ALIGNMENTS.flatMap((shift) => base64Forms(bytes, shift)),
      bytes.join(","),
      bytes.join(", "),
    ],
  });
}

/** The first {@link watchSecret} that a text contains, in short; `null` when there is none. */
export function findSecret(text: string): string | null {
  const lower = text.toLowerCase();
  for (const { hex, exact } of watched.values()) {
    if (lower.includes(hex) || exact.some((form) => text.includes(form))) {
      return `${hex.slice(0, 6)}... (${hex.length / 2} bytes)`;
    }
  }
  return null;
}

/**
 * A logger for tests, at debug level: it remembers each event that holds a watched secret, in its name or in a field.
 * Whoever makes one calls `assertClean` at the end, or disposes of it.
 */
export class WatchedLogger implements Logger, Disposable {
  readonly #next: Logger | null;
  readonly #leaks: string[] = [];
  #events = 0;

  /** Passes everything on to `next` as well. */
  constructor(next: Logger | null = null) {
    this.#next = next;
  }

  /** Events that came. */
  get events(): number {
    return this.#events;
  }

  /** One sentence for each event with a secret; the secret is not in it. */
  get leaks(): readonly string[] {
    return this.#leaks;
  }

  debug(event: string, fields?: Record<string, unknown>): void {
    this.#take("debug", event, fields);
  }

  info(event: string, fields?: Record<string, unknown>): void {
    this.#take("info", event, fields);
  }

  warn(event: string, fields?: Record<string, unknown>): void {
    this.#take("warn", event, fields);
  }

  error(event: string, fields?: Record<string, unknown>): void {
    this.#take("error", event, fields);
  }

  /** Throws when a secret was logged. */
  assertClean(): void {
    if (this.#leaks.length === 0) return;
    throw new Error(`Secrets were logged:\n${this.#leaks.join("\n")}`);
  }

  [Symbol.dispose](): void {
    this.assertClean();
  }

  #take(level: keyof Logger, event: string, fields: Record<string, unknown> = {}): void {
    this.#events++;
    // The usual event costs nothing while no secret is watched.
    if (watched.size > 0) {
      for (const text of textsOf({ event, fields })) {
        const found = findSecret(text);
        if (found !== null) this.#leaks.push(`${level} "${event}": ${found}`);
      }
    }
    this.#next?.[level](event, fields);
  }
}

/** Every text in a value, bytes as hexadecimal digits. */
function* textsOf(value: unknown, depth: number = 0): Generator<string> {
  if (typeof value === "string") yield value;
  if (typeof value !== "object" || value === null || depth > DEPTH_MAX) return;
  if (value instanceof ArrayBuffer) {
    yield new Uint8Array(value).toHex();
  } else if (ArrayBuffer.isView(value)) {
    yield new Uint8Array(value.buffer, value.byteOffset, value.byteLength).toHex();
  } else if (value instanceof Error) {
    yield `${value.name}: ${value.message}\n${value.stack ?? ""}`;
    yield* textsOf(value.cause, depth + 1);
    yield* textsOf({ ...value }, depth + 1);
  } else if (Array.isArray(value) && value.every((item) => typeof item === "number")) {
    yield value.join(",");
  } else if (value instanceof Map || value instanceof Set || Array.isArray(value)) {
    for (const item of value) yield* textsOf(item, depth + 1);
  } else {
    for (const [key, item] of Object.entries(value)) {
      yield key;
      yield* textsOf(item, depth + 1);
    }
  }
}

/** Base64 of a secret that begins so many bytes into a group of three, without what its neighbours decide. */
function base64Forms(bytes: Uint8Array, shift: number): string[] {
  const padded = new Uint8Array(shift + bytes.length);
  padded.set(bytes, shift);
  const whole = Math.floor(padded.length / 3) * 4;
  const form = padded.toBase64().slice(shift === 0 ? 0 : 4, whole);
  return form.length < SECRET_UNITS_MIN
    ? []
    : [form, form.replaceAll("+", "-").replaceAll("/", "_")];
}

function decodeLoosely(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
