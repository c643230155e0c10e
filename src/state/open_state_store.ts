import { type Clock, SYSTEM_CLOCK } from "../util/clock.ts";
import { type Logger, SILENT } from "../util/log.ts";
import { type Random, SYSTEM_RANDOM } from "../util/random.ts";
import { type Database, detailOf, meaningOf, openDatabase, readOne } from "./database.ts";
import { DurableState } from "./durable_state.ts";
import { StateError } from "./errors.ts";
import type { StateHealth } from "./health.ts";
import { WAL_BYTES_MAX } from "./limits.ts";
import { readState } from "./read_state.ts";
import { migrate } from "./schema.ts";

/** How a state is opened. */
export interface StateStoreOptions {
  /** The file; made when missing, with its directory, for the user of the broker only. */
  readonly path: string;
  /** Pauses, and when a component counts as seen. @default the system's */
  readonly clock?: Clock;
  /** Where events go. @default silent */
  readonly logger?: Logger;
  /** Spreads pauses. @default the system's */
  readonly random?: Pick<Random, "float">;
  /** Told when {@link DurableState.health} has changed. */
  readonly onHealth?: (health: StateHealth) => void;
  /** Opens a file with SQLite; for tests. @default node:sqlite */
  readonly openDatabase?: (path: string) => Database;
}

/** Only the user of the broker reads who subscribed what. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
/** Faults that an integrity check names; the rest is of the same kind. */
const FAULTS_SHOWN = 3;

/**
 * Opens the state of a broker, checks it, and locks it until it is closed.
 *
 * @throws {StateError} `locked`, `version`, `foreign`, `damaged` or `io`; the file is as it was.
 */
export function openStateStore(options: StateStoreOptions): DurableState {
  const { path, logger = SILENT } = options;
  prepareFile(path);
  let database: Database | null = null;
  try {
    database = (options.openDatabase ?? openDatabase)(path);
    check(database, path);
    configure(database, path);
    const format = migrate(database, path);
    const stored = readState(database);
    logger.info("stateOpened", {
      path,
      format,
      components: stored.remembered.components.length,
      privateTopics: stored.remembered.privateTopics.length,
    });
    return new DurableState({
      database,
      path,
      stored,
      clock: options.clock ?? SYSTEM_CLOCK,
      logger,
      random: () => (options.random ?? SYSTEM_RANDOM).float(),
      onHealth: options.onHealth ?? (() => {}),
    });
  } catch (error) {
    if (database !== null) closeQuietly(database);
    throw explained(error, path);
  }
}

/**
 * Makes the file before SQLite does, so that nobody else can read it at any time. An open file is not touched:
 * closing a second handle of it would give SQLite's lock away.
 */
function prepareFile(path: string): void {
  const end = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  if (end > 0) Deno.mkdirSync(path.slice(0, end), { recursive: true, mode: DIRECTORY_MODE });
  try {
    Deno.openSync(path, { write: true, createNew: true, mode: FILE_MODE }).close();
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    restrict(path);
  }
}

function restrict(path: string): void {
  if (Deno.build.os === "windows") return;
  try {
    Deno.chmodSync(path, FILE_MODE);
  } catch (error) {
    // The file of another user, or a file system without permissions: whoever made it so decided that.
    if (
      !(error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotSupported)
    ) {
      throw error;
    }
  }
}

/** Takes the lock, and looks for damage before anything is written. */
function check(database: Database, path: string): void {
  database.exec("PRAGMA locking_mode = EXCLUSIVE");
  const faults = database.prepare("PRAGMA integrity_check").all().map(([fault]) => String(fault));
  if (faults[0] === "ok") return;
  throw damaged(path, faults.slice(0, FAULTS_SHOWN).join("; ").replaceAll(/\s+/g, " "));
}

function configure(database: Database, path: string): void {
  const mode = readOne(database, "PRAGMA journal_mode = WAL");
  if (mode !== "wal") {
    throw new StateError(
      "io",
      `Cannot open the state "${path}": expected a file system with write-ahead logs, got ${mode}`,
    );
  }
  database.exec(`PRAGMA synchronous = FULL; PRAGMA journal_size_limit = ${WAL_BYTES_MAX}`);
}

function explained(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !("errcode" in error)) return error;
  const { fault } = meaningOf(error);
  switch (fault) {
    case "locked":
      return new StateError(
        "locked",
        `Cannot open the state "${path}": expected that nobody else has it open, got another ` +
          "broker that does. Stop that one, or use another name or directory",
        { cause: error },
      );
    case "damaged":
      return damaged(path, detailOf(error), error);
    default:
      return new StateError(fault, `Cannot open the state "${path}": ${detailOf(error)}`, {
        cause: error,
      });
  }
}

function damaged(path: string, reason: string, cause?: Error): StateError {
  return new StateError(
    "damaged",
    `Cannot open the state "${path}": it is damaged (${reason}). Put a copy back that is not, or ` +
      `move "${path}" and "${path}-wal" away to begin with nothing remembered: components then ` +
      "subscribe and expose anew",
    { cause },
  );
}

function closeQuietly(database: Database): void {
  try {
    database.close();
  } catch (error) {
    // The failure that led here is the one to tell.
    if (!(error instanceof Error)) throw error;
  }
}
