/**
 * The process that runs code which came over the wire (D31): it has no permissions, reads calls from stdin,
 * writes answers to stdout, and ends when stdin does.
 *
 * Code shares it with what is here, and can break all of it; it harms nobody but itself. What is done against
 * that only keeps honest code from doing it by accident.
 *
 * @module
 */
// Not by way of cbor.ts: what is not needed here would be loaded with each start.
import { decodeCbor } from "../protocol/cbor_decode.ts";
import { encodeCbor } from "../protocol/cbor_encode.ts";
import { errorText } from "../util/error_text.ts";
import { chooseFunction } from "./choose_function.ts";
import { readFrames, toFrame } from "./frames.ts";
import { ERROR_CHARS_MAX, FRAME_BYTES_MAX, MEMORY_CHECK_MS, RESULT_BYTES_MAX } from "./limits.ts";
import type { FromCode, ToCode } from "./messages.ts";
import { consoleThrough } from "./stderr_console.ts";

type Run = (...args: readonly unknown[]) => unknown;
type Say = (message: FromCode) => void;

/** What a terminal or a service manager sends to all processes of a node. The node decides when this one ends. */
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

const BLOB = /blob:null\/[0-9a-f-]+/g;

/** How the process ends; anything else is a crash. */
const EXIT = { DONE: 0, MEMORY: 4 } as const;

/** Serves the node on the other end of stdin and stdout; ends the process. */
export async function serveCode(): Promise<never> {
  const exit = Deno.exit;
  const writer = Deno.stdout.writable.getWriter();
  const say: Say = (message) => {
    // The node is gone when it fails: then stdin ends, too.
    writer.write(toFrame(encodeCbor(message))).catch(() => exit(EXIT.DONE));
  };
  const frames = readFrames(Deno.stdin.readable, FRAME_BYTES_MAX);
  for (const signal of SIGNALS) Deno.addSignalListener(signal, () => {});
  takeAway();
  let run: Run | null = null;
  for await (const frame of frames) {
    // The node of the same version sent it.
    const message = decodeCbor(frame) as ToCode;
    if (message.type === "load") {
      watchMemory(message.rssMax, exit);
      run = await load(message, say);
    } else if (run !== null) void answer(run, message, say);
  }
  return exit(EXIT.DONE);
}

/** Output goes to stderr, since stdout is the channel; and nothing is kept for the next process. */
function takeAway(): void {
  const { error } = console;
  Object.assign(console, consoleThrough(error, () => performance.now()));
  Object.defineProperty(Deno, "stdout", { value: Deno.stderr });
  for (const name of ["localStorage", "caches"]) Reflect.deleteProperty(globalThis, name);
}

async function load(
  { name, source }: ToCode & { type: "load" },
  say: Say,
): Promise<Run | null> {
  const url = URL.createObjectURL(new Blob([source], { type: "application/typescript" }));
  try {
    const chosen = chooseFunction(await import(url), name);
    if (chosen === null) {
      say({ type: "failed", text: "it exports no function" });
      return null;
    }
    say({ type: "loaded", function: chosen.name });
    return chosen.run;
  } catch (error) {
    // The name of the code says more than that of the blob that it was loaded from.
    say({ type: "failed", text: shortText(error).replaceAll(BLOB, name) });
    return null;
  } finally {
    URL.revokeObjectURL(url);
  }
}

async function answer(
  run: Run,
  { id, args }: ToCode & { type: "call" },
  say: Say,
): Promise<void> {
  try {
    if (args.length < run.length) {
      throw new TypeError(`expected at least ${run.length} arguments, got ${args.length}`);
    }
    const value = encodeCbor(await run(...args));
    if (value.byteLength > RESULT_BYTES_MAX) {
      throw new RangeError(
        `expected a result of at most ${RESULT_BYTES_MAX} bytes, got ${value.byteLength}`,
      );
    }
    say({ type: "result", id, value });
  } catch (error) {
    say({ type: "error", id, text: shortText(error) });
  }
}

function shortText(error: unknown): string {
  let text: string;
  try {
    text = errorText(error);
  } catch {
    // What code throws may have no text, or one that throws in turn.
    text = "it threw something without a text";
  }
  return String(text).slice(0, ERROR_CHARS_MAX);
}

/** The heap has a limit of its own; buffers lie outside it. */
function watchMemory(rssMax: number, exit: typeof Deno.exit): void {
  const { memoryUsage } = Deno;
  const timer = setInterval(() => {
    if (memoryUsage().rss > rssMax) exit(EXIT.MEMORY);
  }, MEMORY_CHECK_MS);
  Deno.unrefTimer(timer);
}

if (import.meta.main && !Deno.build.standalone) await serveCode();
