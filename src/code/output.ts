import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import {
  OUTPUT_BYTES_MAX,
  OUTPUT_CHARS_MAX,
  OUTPUT_LINES_MAX,
  OUTPUT_WINDOW_MS,
} from "./limits.ts";

/** What {@link logOutput} needs. */
export interface OutputParts {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Said with each line: whose it is. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Resolves when the child has ended: then nothing waits any more. */
  readonly ended: Promise<unknown>;
}

// deno-lint-ignore no-control-regex -- they could change what a terminal shows of other lines
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/**
 * Logs what a child prints, line by line, until it ends. Printing much costs the child, not us: lines beyond
 * {@link OUTPUT_LINES_MAX} are counted only, and beyond {@link OUTPUT_BYTES_MAX} it is not read, so that the
 * child has to wait.
 */
export async function logOutput(
  stream: ReadableStream<Uint8Array>,
  { clock, logger, fields, ended }: OutputParts,
): Promise<void> {
  const decoder = new TextDecoder();
  let since = clock.now();
  let bytes = 0;
  let lines = 0;
  let rest = "";
  const note = (line: string): void => {
    if (line === "") return;
    if (++lines <= OUTPUT_LINES_MAX) {
      const text = line.slice(0, OUTPUT_CHARS_MAX).replaceAll(CONTROL, "?");
      logger.info("output of code", { ...fields, line: text });
    }
  };
  const nextWindow = (): void => {
    const dropped = lines - OUTPUT_LINES_MAX;
    if (dropped > 0) logger.warn("output of code dropped", { ...fields, lines: dropped });
    since = clock.now();
    bytes = 0;
    lines = 0;
  };
  for await (const part of stream) {
    if (clock.now() - since >= OUTPUT_WINDOW_MS) nextWindow();
    bytes += part.byteLength;
    const texts = (rest + decoder.decode(part, { stream: true })).split("\n");
    // A line without an end must not grow.
    rest = texts.pop()?.slice(0, OUTPUT_CHARS_MAX) ?? "";
    for (const line of texts) note(line);
    if (bytes >= OUTPUT_BYTES_MAX) {
      await pause(clock, since + OUTPUT_WINDOW_MS - clock.now(), ended);
      nextWindow();
    }
  }
  note(rest);
  nextWindow();
}

async function pause(clock: Clock, ms: number, ended: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = clock.setTimer(resolve, Math.max(0, ms));
  await Promise.race([promise, ended]);
  timer.cancel();
}
