import type { CliIo } from "../../../src/cli/io.ts";

/** What a command line wrote and how it ended. */
export interface FakeIo extends CliIo {
  /** Lines of standard output. */
  readonly lines: string[];
  /** Lines of standard error. */
  readonly errors: string[];
  /** Path -> what was saved there. */
  readonly saved: Map<string, Uint8Array>;
  /** Secrets that were asked for. */
  readonly asked: string[];
  /** Presses Ctrl-C. */
  interrupt(): void;
  /** Resolves with the first line of standard output. */
  readonly firstLine: Promise<string>;
}

/** A terminal, an environment and files of a test's own. */
export function fakeIo(parts: {
  readonly env?: Readonly<Record<string, string>>;
  /** Path -> text. */
  readonly files?: Readonly<Record<string, string>>;
  readonly isTerminal?: boolean;
  /** Standard input. */
  readonly input?: string;
  /** What is typed when asked for a secret; `null` for no terminal. */
  readonly typed?: string;
  /** Width of the terminal. */
  readonly width?: number;
  /** Fails instead of writing a line. */
  readonly failLine?: () => Error;
} = {}): FakeIo {
  const lines: string[] = [];
  const errors: string[] = [];
  const asked: string[] = [];
  const saved = new Map<string, Uint8Array>();
  const controller = new AbortController();
  const first = Promise.withResolvers<string>();
  return {
    lines,
    errors,
    saved,
    asked,
    firstLine: first.promise,
    isTerminal: parts.isTerminal ?? false,
    width: parts.width ?? null,
    load: (path) => Promise.resolve(new TextEncoder().encode(parts.files?.[path] ?? "")),
    input: () => Promise.resolve(new TextEncoder().encode(parts.input ?? "")),
    askSecret(question: string): Promise<string | null> {
      asked.push(question);
      return Promise.resolve(parts.typed ?? null);
    },
    save(path: string, bytes: Uint8Array): Promise<void> {
      saved.set(path, bytes);
      return Promise.resolve();
    },
    host: {
      os: "linux",
      env: (name) => parts.env?.[name],
      readText: (path) => Promise.resolve(parts.files?.[path] ?? null),
    },
    line(text: string): Promise<void> {
      if (parts.failLine !== undefined) return Promise.reject(parts.failLine());
      lines.push(...text.split("\n"));
      first.resolve(text);
      return Promise.resolve();
    },
    error: (text) => void errors.push(text),
    interruption: () => ({ signal: controller.signal, [Symbol.dispose]: () => {} }),
    interrupt: () => controller.abort(),
  };
}
