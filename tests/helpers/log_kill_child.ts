/**
 * Appends to the log in a directory until it is killed, and tells what is acknowledged.
 *
 *     deno run log_kill_child.ts <directory> <life>
 *
 * Four publishers append messages of their own, a few at a time. A line for each acknowledged message goes to
 * standard output: its offset and its text.
 */
import { denoLogFiles } from "../../src/log/deno_files.ts";
import type { MessageLog } from "../../src/log/message_log.ts";
import { openMessageLog } from "../../src/log/open_message_log.ts";
import { entry } from "./log_entries.ts";

const PUBLISHERS = 4;
const IN_FLIGHT = 8;
const SEGMENT_BYTES = 64 * 1024;

const encoder = new TextEncoder();

async function publish(log: MessageLog, publisher: string): Promise<never> {
  for (let count = 0;; count++) {
    const sent = Array.from({ length: IN_FLIGHT }, async (_, i) => {
      const text = `${publisher} ${count * IN_FLIGHT + i} ${"x".repeat((count * 37 + i) % 700)}`;
      const result = log.append(entry(text, { publisher, qos: i % 2 === 0 ? 1 : 2 }));
      if (result.kind !== "logged") throw new Error(`not logged: ${result.kind}`);
      await log.committed(result.offset);
      // At once and whole: what is not written yet when the process dies was acknowledged to nobody.
      Deno.stdout.writeSync(encoder.encode(`${result.offset} ${text}\n`));
    });
    await Promise.all(sent);
  }
}

if (import.meta.main) {
  const [directory = "", life = ""] = Deno.args;
  const log = await openMessageLog({
    files: denoLogFiles(directory),
    segmentBytes: SEGMENT_BYTES,
  });
  await Promise.all(
    Array.from({ length: PUBLISHERS }, (_, i) => publish(log, `life${life}-publisher${i}`)),
  );
}
