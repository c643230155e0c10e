import { assert, assertEquals } from "@std/assert";
import { OUTPUT_BYTES_MAX, OUTPUT_LINES_MAX, OUTPUT_WINDOW_MS } from "../../../src/code/limits.ts";
import { logOutput } from "../../../src/code/output.ts";
import { type Logger, SILENT } from "../../../src/util/log.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";

interface Noted {
  readonly logger: Logger;
  readonly lines: unknown[];
  dropped: number;
}

function noted(): Noted {
  const made: Noted = {
    lines: [],
    dropped: 0,
    logger: {
      ...SILENT,
      info: (_, fields) => void made.lines.push(fields?.line),
      warn: (_, fields) => void (made.dropped += Number(fields?.lines)),
    },
  };
  return made;
}

const NEVER = new Promise(() => {});
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

Deno.test("logOutput() logs lines that come in parts, without control characters", async () => {
  const { logger, lines } = noted();
  const stream = ReadableStream.from(["on", "e\n\ntwo\u001b[2J\r\nthr", "ee"].map(bytes));
  await logOutput(stream, { clock: new ManualClock(), logger, fields: {}, ended: NEVER });
  assertEquals(lines, ["one", "two?[2J?", "three"]);
});

Deno.test("logOutput() counts lines beyond the limit and cuts long ones", async () => {
  const it = noted();
  const stream = ReadableStream.from([
    bytes(`${"x".repeat(100_000)}\n`),
    bytes("y\n".repeat(OUTPUT_LINES_MAX + 9)),
  ]);
  await logOutput(stream, { ...it, clock: new ManualClock(), fields: {}, ended: NEVER });
  assertEquals(it.lines.length, OUTPUT_LINES_MAX);
  assertEquals(it.dropped, 10);
  assert(String(it.lines[0]).length <= 500);
});

Deno.test("logOutput() reads no more than the limit in a window, and goes on in the next", async () => {
  const clock = new ManualClock();
  const it = noted();
  let parts = 0;
  const part = bytes(`${"x".repeat(OUTPUT_BYTES_MAX / 4)}\n`);
  const stream = new ReadableStream<Uint8Array>({
    pull(controller): void {
      if (++parts > 8) controller.close();
      else controller.enqueue(part);
    },
  }, { highWaterMark: 0 });
  const done = logOutput(stream, { ...it, clock, fields: {}, ended: NEVER });
  await clock.advance(1);
  assertEquals(parts, 4);
  await clock.advance(OUTPUT_WINDOW_MS);
  assertEquals(parts, 8);
  await clock.advance(OUTPUT_WINDOW_MS);
  await done;
  assertEquals(it.lines.length, 8);
});

Deno.test("logOutput() does not wait for the next window when the child has ended", async () => {
  const clock = new ManualClock();
  const stream = ReadableStream.from([bytes("x".repeat(OUTPUT_BYTES_MAX))]);
  await logOutput(stream, { ...noted(), clock, fields: {}, ended: Promise.resolve() });
  assertEquals(clock.pending, 0);
});
