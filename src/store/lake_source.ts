import type { LakeSource } from "../lake/source.ts";
import type { LogReader } from "../log/log_reader.ts";

/** A log that the broker's process writes, as the lake process reads it. */
export function lakeSourceOf(
  reader: Pick<LogReader, "logId" | "advance" | "read">,
): LakeSource {
  return {
    logId: reader.logId,
    async *read(from, to) {
      // Nobody asks for more than the broker said is durable (D19).
      reader.advance(to - 1);
      for await (const { records } of reader.read({ from: { offset: from }, to })) {
        if (records.length > 0) yield records;
      }
    },
  };
}
