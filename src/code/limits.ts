/** Longest name and longest tag, in bytes. Exceeded: the install is refused. */
export const NAME_BYTES_MAX = 100;
/** Largest source, in bytes. Exceeded: the install is refused; a larger file is skipped at start. */
export const CONTENT_BYTES_MAX: number = 1_024 * 1_024;
/** Most names of each kind. Exceeded: the install is refused; further directories are skipped at start. */
export const NAMES_MAX = 100;
/** Changes that wait for their turn. Exceeded: refused. */
export const CHANGES_MAX = 100;
/** Children that are started at the same time when the node starts. */
export const STARTS_MAX = 4;
/** Time that code has to load, in milliseconds. Exceeded: the child is killed, and the install refused. */
export const LOAD_MS_MAX = 10_000;
/** Time that the start of a node waits for its code; what needs longer goes on behind it, in milliseconds. */
export const START_WAIT_MS_MAX = 10_000;

/** Default time for one call, in milliseconds. Exceeded: answered with an error, and the child is killed. */
export const CALL_MS = 10_000;
/** Default size of the heap of one child, in bytes. Exceeded: the child dies, and is started again. */
export const MEMORY_BYTES: number = 128 * 1_024 * 1_024;
/** What a child may use beside its heap, in bytes, before it ends itself. */
export const MEMORY_EXTRA_BYTES: number = 192 * 1_024 * 1_024;
/** Pause between two looks of a child at the memory that it uses, in milliseconds. */
export const MEMORY_CHECK_MS = 1_000;

/** Default for calls of one service that are under way. Exceeded: answered as busy. */
export const CALLS_MAX = 100;
/** Messages that wait for one subscriber, which takes them one by one. Exceeded: dropped, and logged. */
export const MESSAGES_MAX = 1_000;
/** Bytes of arguments that wait in one child. Exceeded: as busy. */
export const PENDING_BYTES_MAX: number = 32 * 1_024 * 1_024;
/** Largest call, in bytes. Exceeded: answered with an error. */
export const CALL_BYTES_MAX: number = 8 * 1_024 * 1_024;
/** Largest result, in bytes. Exceeded: answered with an error. */
export const RESULT_BYTES_MAX: number = 8 * 1_024 * 1_024;
/** Largest frame between a node and a child: the largest source, call or result with what is around it. */
export const FRAME_BYTES_MAX: number = RESULT_BYTES_MAX + 1_024;
/** Longest error text of code that is passed on, in characters. What is beyond is cut off. */
export const ERROR_CHARS_MAX = 1_000;

/** Pauses between two starts of a child, in milliseconds; the ceiling doubles with each failure in a row. */
export const RESTART_MS = { minMs: 100, maxMs: 30_000 } as const;
/** A child that lived this long, in milliseconds, ends a row of failures. */
export const STABLE_MS = 60_000;

/** What a child may print within {@link OUTPUT_WINDOW_MS}: lines beyond are counted and dropped. */
export const OUTPUT_LINES_MAX = 100;
/** Bytes that are read of it in that time: a child that prints more has to wait. */
export const OUTPUT_BYTES_MAX: number = 1_024 * 1_024;
/** Longest line that is logged, in characters. What is beyond is cut off. */
export const OUTPUT_CHARS_MAX = 500;
/** See {@link OUTPUT_LINES_MAX}, in milliseconds. */
export const OUTPUT_WINDOW_MS = 10_000;
