/** Limits of the lake. Each names what happens when it is exceeded. */

/** Tables of one schema; more are refused at start. */
export const TABLES_MAX = 1_000;
/** Columns of one table, extras included; more are refused at start. */
export const COLUMNS_MAX = 1_000;
/** UTF-8 bytes of the name of a table or column; longer ones are refused at start. */
export const NAME_BYTES_MAX = 255;
/** Levels of a column type such as `INTEGER[][]`; deeper ones are refused at start. */
export const TYPE_DEPTH_MAX = 16;
/** Members of an enumeration; more are refused at start. */
export const ENUM_MEMBERS_MAX = 10_000;

/** Messages that one transaction takes; the rest waits in the log. */
export const BATCH_RECORDS_MAX = 10_000;
/** Rows that one transaction takes before it is committed; a frame may exceed it alone. */
export const BATCH_ROWS_MAX = 100_000;
/** Payload bytes of one dead letter that are kept; the rest is cut, the log has the whole. */
export const DEAD_LETTER_BYTES_MAX = 65_536;
/** Characters of a reason that are kept, in dead letters and in answers. */
export const REASON_CHARS_MAX = 500;

/** Bytes of all SQL text of one query; longer ones are refused with 40. */
export const SQL_BYTES_MAX = 65_536;
/** Levels of a structured condition; deeper ones are refused with 40. */
export const CONDITION_DEPTH_MAX = 32;
/** Bound parameters of one query; more are refused with 40. */
export const PARAMETERS_MAX = 1_000;
/** Time that a query may take, in milliseconds, before it is interrupted and answered with 40. */
export const QUERY_MS = 30_000;
/** Time after the interrupt, in milliseconds, before the process is ended: a huge scalar does not stop. */
export const QUERY_GRACE_MS = 5_000;
/** Time that a query waits for the messages that it must see, in milliseconds; then it is refused. */
export const WAIT_MS = 30_000;
/** Queries that run at the same time; more wait in order. */
export const QUERIES_RUNNING_MAX = 4;
/** Queries that wait or run; more are refused with 40. */
export const QUERIES_PENDING_MAX = 1_000;
/** Arrow bytes of one result: a frame is 60 MiB at most. Larger ones are refused with 40. */
export const RESULT_BYTES_MAX = 56 * 1_024 * 1_024;
/** Chunks of 2,048 rows that make one record batch of a result. */
export const CHUNKS_PER_BATCH = 16;

/** Soft memory limit of DuckDB: beyond it data is spilled to disk. */
export const MEMORY_BYTES = 1_024 ** 3;
/** Bytes on disk for what does not fit into memory; a query that wants more ends with 40. */
export const SPILL_BYTES_MAX = 4 * 1_024 ** 3;
/** Resident memory beyond which the process ends itself and is started again. */
export const RESIDENT_BYTES_MAX = 3 * 1_024 ** 3;
/** Pause between two looks at the resident memory, in milliseconds. */
export const RESIDENT_CHECK_MS = 50;
/** Rows of one data frame; larger frames are refused as a whole. */
export const FRAME_ROWS_MAX = 10_000_000;
/** Values of one data frame, rows times columns used; larger frames are refused as a whole. */
export const FRAME_CELLS_MAX = 50_000_000;
/** Characters of the texts of one column of a data frame; frames with more are refused as a whole. */
export const FRAME_CHARS_MAX = 256 * 1_024 * 1_024;
