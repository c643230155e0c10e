/**
 * The lake process: reads messages from stdin, writes others to stdout, and ends when stdin does (D20).
 * Its entry only says how the log is opened.
 *
 * @module
 */
import { RESIDENT_BYTES_MAX, RESIDENT_CHECK_MS } from "./limits.ts";
import { MessageWriter, readMessages } from "./frame_stream.ts";
import type { FromLake, ToLake } from "./message.ts";
import { LakeServer, type ServerOptions } from "./server.ts";

/** How the process ends; anything else is a crash. */
export const EXIT = { DONE: 0, FAILED: 3, MEMORY: 4, STUCK: 5 } as const;

/** Time that closing may take before the process ends anyway, in milliseconds. Nothing is lost by it. */
const CLOSE_MS = 5_000;

/** Serves the broker on the other end of stdin and stdout; ends the process. */
export async function serveLake({ openSource }: Pick<ServerOptions, "openSource">): Promise<never> {
  const writer = new MessageWriter<FromLake>(Deno.stdout.writable);
  const server = new LakeServer({
    openSource,
    onStuck: () => Deno.exit(EXIT.STUCK),
    send: (message) => writer.send(message),
  });
  let watch: ReturnType<typeof setInterval> | undefined;
  const failed = server.failed.then(() => EXIT.FAILED);
  const messages = (async () => {
    for await (const message of readMessages<ToLake>(Deno.stdin.readable)) {
      if (message.type === "start") watch ??= watchMemory(message.residentBytesMax);
      // Not awaited: queries run beside one another.
      const taken = server.take(message);
      if (message.type === "start" || message.type === "stop") await taken;
      if (message.type === "stop") break;
    }
    return EXIT.DONE;
  })();
  const code = await Promise.race([messages, failed]);
  clearInterval(watch);
  await Promise.race([server.close(), new Promise((resolve) => setTimeout(resolve, CLOSE_MS))]);
  await writer.close().catch(() => {
    // The broker is gone: nobody reads what was left.
  });
  return Deno.exit(code);
}

/** DuckDB's own limit is soft. A process that grew too large ends; the next one goes on where it was. */
function watchMemory(max = RESIDENT_BYTES_MAX): ReturnType<typeof setInterval> {
  return setInterval(() => {
    if (Deno.memoryUsage().rss > max) Deno.exit(EXIT.MEMORY);
  }, RESIDENT_CHECK_MS);
}
