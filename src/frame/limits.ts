/** Limits of data frames. Each is refused with {@link FrameError} when it is exceeded. */

/** Fields of a schema, nested ones included. */
export const FIELDS_MAX = 10_000;
/** Levels of lists and structs in each other. */
export const DEPTH_MAX = 32;
/** Dictionary messages of one frame: each may replace the one before. */
export const DICTIONARIES_MAX = 4_096;
/** Rows of `rows()` and `columns()`; larger frames can be read as a table. */
export const FRAME_ROWS_MAX = 10_000_000;
/** Values of `rows()` and `columns()`, elements of lists included; larger frames can be read as a table. */
export const FRAME_CELLS_MAX = 50_000_000;
/** Bytes of the texts and byte strings of one column that share their bytes with others. */
export const SHARED_BYTES_MAX: number = 256 * 1_024 * 1_024;
/** Digits of a decimal, and places that its point may be moved: those of 256 bits. */
export const DECIMAL_DIGITS_MAX = 76;
/** Values beyond its bytes that a column of nothing but null may have, which takes none. */
export const NULLS_MAX = 1_000_000;
