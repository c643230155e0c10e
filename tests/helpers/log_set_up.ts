import type { MessageLog } from "../../src/log/message_log.ts";
import { openMessageLog } from "../../src/log/open_message_log.ts";
import type { MessageLogOptions } from "../../src/log/options.ts";
import { type LoggedEvent, recordingLogger } from "./log_entries.ts";
import { SimDisk } from "./log_sim_files.ts";
import { ManualClock } from "./manual_clock.ts";
import { SeededRandom } from "./seeded_random.ts";

/** Small segments, so that a test has several. */
export const SEGMENT_BYTES = 16 * 1024;

/** A log in memory, under a clock that the test moves. */
export interface LogSetUp extends AsyncDisposable {
  readonly disk: SimDisk;
  readonly clock: ManualClock;
  readonly log: MessageLog;
  readonly events: LoggedEvent[];
  /** Opens the log of the same disk again. The old one must be closed or killed. */
  reopen(given?: Partial<MessageLogOptions>): Promise<LogSetUp>;
}

/** Opens a log on a disk in memory. */
export async function setUpLog(
  given: Partial<MessageLogOptions> = {},
  disk: SimDisk = new SimDisk(),
  clock: ManualClock = new ManualClock(),
): Promise<LogSetUp> {
  const { logger, events } = recordingLogger();
  const log = await openMessageLog({
    files: disk.files(),
    clock,
    logger,
    // A log keeps its identity: what chance would give it at its next start is something else.
    random: new SeededRandom(7 + disk.calls),
    segmentBytes: SEGMENT_BYTES,
    ...given,
  });
  return {
    disk,
    clock,
    log,
    events,
    reopen: (again = {}) => setUpLog({ ...given, ...again }, disk, clock),
    [Symbol.asyncDispose]: () => log.close(),
  };
}
