/** How long what may be repeated after a crash waits for a commit, in milliseconds. */
export const LAZY_MS = 1_000;
/**
 * Changes in one transaction: more of them are written in turns of their own, since the event loop waits for each
 * commit (about 7 ms for so many).
 */
export const COMMIT_CHANGES_MAX = 1_000;
/** First pause before a commit that failed is tried again, in milliseconds; it doubles. */
export const RETRY_MS_MIN = 100;
/** Longest pause before the next try, in milliseconds. */
export const RETRY_MS_MAX = 1_000;
/** Bytes that the write-ahead log is cut to when it was folded into the file. */
export const WAL_BYTES_MAX: number = 16 * 1024 * 1024;
/** Subscriptions read at a time when a state is opened. */
export const READ_ROWS = 10_000;
