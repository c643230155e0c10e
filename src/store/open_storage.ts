import type { Audit } from "../broker/audit.ts";
import type { Journal } from "../broker/journal.ts";
import type { Keys } from "../broker/keys.ts";
import type { BrokerTable } from "../broker/options.ts";
import type { RawService } from "../broker/raw_service.ts";
import type { StateStore } from "../broker/state_store.ts";
import { checkSchema, type LakeSchema } from "../lake/schema.ts";
import type { Lake } from "../lake/supervisor.ts";
import { TopicMatcher } from "../lake/topic_match.ts";
import { denoLogFiles } from "../log/deno_files.ts";
import { LogError } from "../log/errors.ts";
import type { MessageLog } from "../log/message_log.ts";
import { openMessageLog } from "../log/open_message_log.ts";
import type { DurableState } from "../state/durable_state.ts";
import { openStateStore } from "../state/open_state_store.ts";
import { RembusError, Status } from "../protocol/errors.ts";
import { SYSTEM_CLOCK } from "../util/clock.ts";
import { SILENT } from "../util/log.ts";
import { requireAccess } from "./access.ts";
import { AuditFile } from "./audit_file.ts";
import { type DataHealth, dataHealth, HealthLog, lakeTrouble, troubleOf } from "./health.ts";
import { openKeyFiles } from "./key_files.ts";
import { logRules } from "./log_rules.ts";
import { openLake } from "./open_lake.ts";
import type { StorageOptions } from "./options.ts";
import { placesOf } from "./places.ts";
import { tableServices } from "./table_services.ts";

/** What a broker keeps, opened. */
export interface Storage extends AsyncDisposable {
  /** The message log. */
  readonly journal: Journal;
  /** What is remembered of components. */
  readonly state: StateStore;
  /** The services of the tables, by name; empty without a schema. */
  readonly services: ReadonlyMap<string, RawService>;
  /** The registered names. */
  readonly keys: Keys;
  /** Takes entries of the audit trail. */
  readonly audit: Audit;
  /** The tables of the schema, with the topics that fill them. */
  readonly tables: readonly BrokerTable[];
  /** The table that messages of a topic fill; `null` when only the log gets them. */
  tableOf(topic: string): string | null;
  /** How it is at the moment. */
  readonly health: DataHealth;
  /** Closes tables, state, audit trail and log, in this order. The broker must be closed already. Idempotent. */
  close(): Promise<void>;
}

interface Opened {
  readonly healthLog: HealthLog;
  log: MessageLog | null;
  state: DurableState | null;
  lake: Lake | null;
  audit: AuditFile | null;
}

/** What a {@link Storage} is made of. */
interface StorageParts {
  readonly log: MessageLog;
  readonly state: DurableState;
  readonly services: ReadonlyMap<string, RawService>;
  readonly keys: Keys;
  readonly audit: AuditFile;
  readonly schema: LakeSchema | null;
}

const NO_SERVICES: ReadonlyMap<string, RawService> = new Map();
/** The oldest offset that a log can have: all of it is kept until the tables say what they have. */
const FIRST_OFFSET = 1;

/**
 * Opens what a broker keeps in `<dir>/<name>`: the log, which locks the directory (D24), the state, and the tables
 * when there is a schema. Whatever fails, nothing is left open.
 *
 * @throws {SchemaError} With table, column and cause.
 * @throws {RembusError} For a directory that is in use, permissions that are missing, and tables that cannot be
 * opened before somebody does something.
 * @throws {StateError} For a state that is damaged or of a newer version.
 */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  requireAccess(options.dir);
  const schema = options.tables === undefined ? null : checkSchema(options.tables.schema);
  const healthLog = new HealthLog(options.logger ?? SILENT);
  const opened: Opened = { healthLog, log: null, state: null, lake: null, audit: null };
  try {
    return await openAll(options, schema, opened);
  } catch (error) {
    await closeAll(opened);
    throw error;
  }
}

async function openAll(
  options: StorageOptions,
  schema: LakeSchema | null,
  opened: Opened,
): Promise<Storage> {
  const { dir, name, tables, clock = SYSTEM_CLOCK, logger = SILENT } = options;
  const places = placesOf(dir, name);
  const logDirectory = places.log;
  const { healthLog } = opened;
  const log = await openLog(options, { schema, opened, logDirectory });
  opened.log = log;
  if (schema !== null) log.hold(FIRST_OFFSET);
  const openState = (): DurableState =>
    openStateStore({
      path: places.state,
      clock,
      logger,
      onHealth: (health) => healthLog.note("state", troubleOf(health)),
    });
  opened.state = openState();
  if (opened.state.logId !== log.logId) {
    if (opened.state.logId !== null) {
      logger.warn("positions of another log forgotten", { path: places.state });
    }
    opened.state.putLogId(log.logId);
    await opened.state.committed();
    await opened.state.close();
    opened.state = openState();
  }
  const { state } = opened;
  const keys = await openKeyFiles(places.keys, logger);
  const audit = new AuditFile({ path: places.audit, clock, logger });
  opened.audit = audit;
  const parts = { log, state, keys, audit, schema };
  if (schema === null || tables === undefined) {
    return new OpenStorage(opened, { ...parts, services: NO_SERVICES });
  }
  const lake = await openLake({
    dir,
    name,
    logDirectory,
    tables,
    durableEnd: log.durable + 1,
    onProgress: (nextOffset) => log.hold(nextOffset),
    onHealth: (health) => healthLog.note("tables", lakeTrouble(health)),
    clock,
    logger,
  });
  opened.lake = lake;
  lake.durable(log.durable + 1);
  const services = tableServices({ schema, journal: log, lake, clock });
  return new OpenStorage(opened, { ...parts, services });
}

interface LogParts {
  readonly schema: LakeSchema | null;
  readonly opened: Opened;
  readonly logDirectory: string;
}

async function openLog(
  { name, rules = [], retentionMs, retentionBytes, clock, logger }: StorageOptions,
  { schema, opened, logDirectory }: LogParts,
): Promise<MessageLog> {
  const matcher = schema === null ? null : new TopicMatcher(schema.tables);
  try {
    return await openMessageLog({
      files: denoLogFiles(logDirectory),
      ...(clock === undefined ? {} : { clock }),
      ...(logger === undefined ? {} : { logger }),
      ...(retentionMs === undefined ? {} : { retentionMs }),
      ...(retentionBytes === undefined ? {} : { retentionBytes }),
      isLogged: logRules(rules),
      isTabled: (topic) => matcher !== null && matcher.match(topic) !== null,
      onDurable: (durable) => opened.lake?.durable(durable + 1),
      onHealth: (health) => opened.healthLog.note("log", troubleOf(health)),
    });
  } catch (error) {
    if (!(error instanceof LogError) || error.fault !== "locked") throw error;
    throw new RembusError(
      Status.ERROR,
      `Cannot start broker "${name}": expected that nobody else uses "${logDirectory}", got ` +
        "another process that does. Stop that one, or use another name or directory",
      { cause: error },
    );
  }
}

class OpenStorage implements Storage {
  readonly journal: MessageLog;
  readonly state: DurableState;
  readonly services: ReadonlyMap<string, RawService>;
  readonly keys: Keys;
  readonly audit: Audit;
  readonly tables: readonly BrokerTable[];
  readonly #opened: Opened;
  readonly #matcher: TopicMatcher | null;
  #closing: Promise<void> | null = null;

  constructor(opened: Opened, { log, state, services, keys, audit, schema }: StorageParts) {
    this.#opened = opened;
    this.#matcher = schema === null ? null : new TopicMatcher(schema.tables);
    this.keys = keys;
    this.audit = audit.audit;
    this.tables = schema?.tables.map(({ name, topic }) => ({ name, topic })) ?? [];
    this.journal = log;
    this.state = state;
    this.services = services;
  }

  tableOf(topic: string): string | null {
    return this.#matcher?.match(topic)?.table.name ?? null;
  }

  get health(): DataHealth {
    return dataHealth({
      log: this.journal.status,
      state: this.state.health,
      lake: this.#opened.lake?.health ?? null,
    });
  }

  close(): Promise<void> {
    return this.#closing ??= closeAll(this.#opened);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** The log last: it holds the lock of the directory. */
async function closeAll({ healthLog, lake, state, audit, log }: Opened): Promise<void> {
  healthLog.close();
  try {
    await lake?.close();
  } finally {
    try {
      await state?.close();
    } finally {
      await audit?.close();
      await log?.close();
    }
  }
}
