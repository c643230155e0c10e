import type { AppendResult, MessageLog } from "../../src/log/message_log.ts";
import type { LogBatch } from "../../src/log/reading.ts";
import type { LogEntry, LogRecord } from "../../src/log/record.ts";
import type { MsgId } from "../../src/protocol/packet.ts";
import type { Logger } from "../../src/util/log.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A QoS 1 publication with this text, or with what is given. */
export function entry(text: string, given: Partial<LogEntry> = {}): LogEntry {
  return {
    kind: "publication",
    id: 1n as MsgId,
    slot: null,
    qos: 1,
    publisher: "sensor",
    isAnonymous: false,
    topic: "town/temperature",
    data: encoder.encode(text),
    ...given,
  };
}

/** The text of {@link entry}. */
export function textOf({ data }: LogRecord): string {
  return decoder.decode(data);
}

/** Appends what must be taken; its offset. */
export function append(log: MessageLog, given: LogEntry): number {
  const result: AppendResult = log.append(given);
  if (result.kind === "logged") return result.offset;
  throw new Error(`not logged: ${JSON.stringify(result, (_, value) => String(value))}`);
}

/** Appends and waits until it is durable; its offset. */
export async function store(log: MessageLog, given: LogEntry): Promise<number> {
  const offset = append(log, given);
  await log.committed(offset);
  return offset;
}

/** All records of batches. */
export async function collect(batches: AsyncIterable<LogBatch>): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for await (const batch of batches) records.push(...batch.records);
  return records;
}

/** All texts that can be read. */
export async function readTexts(log: MessageLog): Promise<string[]> {
  return (await collect(log.read({ from: { offset: 1 } }))).map(textOf);
}

/** Events of a log, by name. */
export interface LoggedEvent {
  readonly event: string;
  readonly fields: Record<string, unknown>;
}

/** A logger that remembers. */
export function recordingLogger(): { logger: Logger; events: LoggedEvent[] } {
  const events: LoggedEvent[] = [];
  const note = (event: string, fields: Record<string, unknown> = {}): void => {
    events.push({ event, fields });
  };
  return { logger: { debug: note, info: note, warn: note, error: note }, events };
}
