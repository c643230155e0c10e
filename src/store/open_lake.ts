import type { LakeHealth } from "../lake/lake_options.ts";
import { spawnLake } from "../lake/process.ts";
import type { DiskStorageOptions } from "../lake/storage_options.ts";
import { Lake } from "../lake/supervisor.ts";
import { RembusError, Status } from "../protocol/errors.ts";
import type { Clock } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import { lakeCommand, type LakePlace } from "./lake_command.ts";
import type { TableOptions } from "./options.ts";

/** What a lake is opened with. */
export interface OpenLakeOptions {
  /** Directory of all brokers. */
  readonly dir: string;
  /** Name of the broker. */
  readonly name: string;
  /** Directory of its log. */
  readonly logDirectory: string;
  /** How tables are kept. */
  readonly tables: TableOptions;
  /** The log is on disk up to here, exclusive. */
  readonly durableEnd: number;
  /** More of the log is in the tables. */
  readonly onProgress: (nextOffset: number) => void;
  /** The health of the lake has changed. */
  readonly onHealth: (health: LakeHealth) => void;
  /** Time. */
  readonly clock: Clock;
  /** Where events go. */
  readonly logger: Logger;
}

/** How long a broker waits for its tables before it takes connections without them, in milliseconds. */
const OPEN_MS_MAX = 30_000;

/**
 * Starts the lake process, and waits until the tables are open. Trouble that may pass by itself does not stop the
 * start: the broker routes meanwhile, and its health says why.
 *
 * @throws {RembusError} When somebody has to do something first: the schema does not fit the tables, another
 * storage was asked for than they are in, an extension is missing.
 */
export async function openLake(options: OpenLakeOptions): Promise<Lake> {
  const { dir, name, logDirectory, tables, clock, logger } = options;
  const { schema, commitMs, snapshotDays, ...storage } = tables;
  const place: LakePlace = {
    dir,
    logDirectory,
    extensionDirectory: storage.extensionDirectory,
  };
  const command = lakeCommand(place);
  const disk: DiskStorageOptions = { kind: "disk", directory: dir, name, ...storage };
  const opened = Promise.withResolvers<string | null>();
  const lake = Lake.start({
    schema,
    storage: disk,
    source: { directory: logDirectory },
    durableEnd: options.durableEnd,
    ...(commitMs === undefined ? {} : { commitMs }),
    ...(snapshotDays === undefined ? {} : { keepDays: snapshotDays }),
    spawn: () => spawnLake(command),
    onProgress: options.onProgress,
    onHealth: (health) => {
      options.onHealth(health);
      const outcome = outcomeOf(health);
      if (outcome !== undefined) opened.resolve(outcome);
    },
    clock,
    logger,
  });
  const timer = clock.setTimer(() => {
    logger.warn("tables not open yet", { waitedMs: OPEN_MS_MAX });
    opened.resolve(null);
  }, OPEN_MS_MAX);
  const problem = await opened.promise;
  timer.cancel();
  if (problem === null) return lake;
  await lake.close();
  throw new RembusError(Status.ERROR, problem);
}

/** How opening ended: `null` for well enough, a text for what has to be mended; `undefined` while it lasts. */
function outcomeOf({ state, fault, message }: LakeHealth): string | null | undefined {
  switch (fault) {
    case null:
      return state === "starting" ? undefined : null;
    case "schema":
    case "other-storage":
    case "extension":
      return message ?? `Cannot open the tables: ${fault}`;
    default:
      return null;
  }
}
