import type { Clock } from "../util/clock.ts";
import { AppendQueue } from "./append_queue.ts";
import { Catalog } from "./catalog.ts";
import { Committer } from "./committer.ts";
import { LogError } from "./errors.ts";
import { wholeHealth } from "./health.ts";
import { newIdentity } from "./identity.ts";
import { QUEUE_RECORDS_MAX } from "./limits.ts";
import { MessageLog } from "./message_log.ts";
import { type MessageLogOptions, type ResolvedLogOptions, resolveLogOptions } from "./options.ts";
import { ReceiveTimes, wallNs } from "./receive_times.ts";
import { recover, type Recovery } from "./recovery.ts";
import { Retention } from "./retention.ts";

/**
 * Opens the message log in a directory, or makes a new one in an empty directory. The directory is locked until
 * the log is closed (D24). After an unclean end the newest segment is read, and a torn end is cut. On a disk that
 * can be read but not written, an old log opens red and recovers by itself.
 *
 * @throws {LogError} `locked`, `version` for files of a newer version, `foreign` for renamed ones, `io`.
 */
export async function openMessageLog(given: MessageLogOptions): Promise<MessageLog> {
  const options = resolveLogOptions(given);
  const { files, logger } = options;
  const lock = await files.lock();
  if (lock === null) {
    throw new LogError("locked", "Cannot open the log: another process has it open");
  }
  const catalog = new Catalog({ files, logger, isWriter: true });
  try {
    return await openLocked(options, catalog, lock);
  } catch (error) {
    await catalog.close();
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

async function openLocked(
  options: ResolvedLogOptions,
  catalog: Catalog,
  lock: AsyncDisposable,
): Promise<MessageLog> {
  const { files, clock, random, logger, segmentBytes } = options;
  const recovery = await recover(files, catalog);
  if (recovery.isNew) catalog.identify(newIdentity(random));
  const queue = new AppendQueue({
    marker: catalog.identity.marker,
    texts: catalog.texts,
    bytesMax: options.queueBytesMax,
    blockBytes: options.blockBytes,
  });
  const times = new ReceiveTimes(clock, lastNsOf(recovery, clock));
  const onHealth = (): void => options.onHealth(wholeHealth(committer, retention));
  const committer: Committer = new Committer({
    files,
    catalog,
    queue,
    times,
    clock,
    logger,
    segmentBytes,
    onDurable: options.onDurable,
    onHealth,
    onRoll: () => void retention.check(),
  }, recovery);
  const retention: Retention = new Retention({
    files,
    catalog,
    clock,
    logger,
    limits: options,
    growing: () => committer.growing,
    roll: () => committer.roll(),
    onChange: onHealth,
  });
  const opened = recovery.report;
  logger.info("log opened", { logId: catalog.identity.logId, ...opened });
  await committer.start(recovery);
  retention.start();
  return new MessageLog({ opened, options, catalog, queue, committer, retention, times, lock });
}

/**
 * The time that the next record is later than. After an unclean end records are lost that had one, and were
 * delivered: each at most so many nanoseconds ahead of the clock.
 */
function lastNsOf({ report, lastNs }: Recovery, clock: Clock): bigint {
  if (report.isClean) return lastNs;
  const nowNs = wallNs(clock);
  return (nowNs > lastNs ? nowNs : lastNs) + BigInt(QUEUE_RECORDS_MAX);
}
