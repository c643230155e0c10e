/** Limits of the message log. Each names what happens when it is exceeded. */

/** Bytes of appended records that are not durable yet (D35). Exceeded: QoS 0 not logged, else busy. */
export const QUEUE_BYTES_MAX: number = 64 * 1024 * 1024;
/**
 * Records that are appended and not durable yet. Exceeded: QoS 0 not logged, else busy. After an unclean
 * end so many offsets are skipped: they may have been given to records that never reached the disk.
 */
export const QUEUE_RECORDS_MAX: number = 1024 * 1024;
/** The largest record, which holds a frame of 60 MiB with room to spare. Exceeded: `RangeError`. */
export const RECORD_BYTES_MAX: number = 64 * 1024 * 1024;
/** UTF-8 bytes of a topic: its length has 16 bits. Exceeded: `RangeError`. */
export const TOPIC_BYTES_MAX = 65_535;
/** UTF-8 bytes of a publisher's name: its length has 8 bits. Exceeded: `RangeError`. */
export const PUBLISHER_BYTES_MAX = 255;
/** Appended records are gathered in blocks of this size; a larger record gets one of its own. */
export const BLOCK_BYTES: number = 128 * 1024;
/** Used blocks that are kept for the next commits. Exceeded: given back to the memory of the process. */
export const BLOCKS_KEPT_MAX = 16;
/** Bytes that wait without anybody asking for a sync. Exceeded: a commit starts. */
export const UNASKED_BYTES_MAX: number = 1024 * 1024;
/** The longest time until a QoS 0 record is durable on a disk that keeps up, in milliseconds. */
export const SYNC_DELAY_MS = 1_000;

/** Bytes of a segment. Exceeded: the next commit goes to a new one. */
export const SEGMENT_BYTES: number = 64 * 1024 * 1024;
/** The smallest segment that makes sense, in bytes. Below: `RangeError`. */
export const SEGMENT_BYTES_MIN: number = 16 * 1024;
/** Age of a segment's first record, in milliseconds. Exceeded: a new one, so that retention can drop it. */
export const SEGMENT_MS: number = 24 * 3_600_000;

/** Age of the newest record of a segment, in milliseconds. Exceeded: the segment is dropped. */
export const RETENTION_MS: number = 7 * 24 * 3_600_000;
/** Bytes of all segments. Exceeded: the oldest is dropped. */
export const RETENTION_BYTES: number = 4 * 1024 ** 3;
/** Pause between two looks at retention, in milliseconds. */
export const RETENTION_CHECK_MS = 60_000;
/** Segments that are held (D22) may take so many times the byte limit. Exceeded: see `HoldState`. */
export const HELD_FACTOR = 2;
/** Free bytes of the disk below which held segments may not exceed the byte limit at all (D22). */
export const FREE_BYTES_MIN: number = 512 * 1024 * 1024;

/** Pause before the first look whether a failed disk works again, in milliseconds; then doubled. */
export const PROBE_MS_MIN = 100;
/** The longest pause between two such looks, in milliseconds. */
export const PROBE_MS_MAX = 5_000;
/** Bytes that must be writable before a failed disk counts as working. */
export const PROBE_BYTES: number = 1024 * 1024;
/** A commit without an answer from the disk for so long turns health red, in milliseconds. */
export const STALL_MS = 5_000;
/** Runs of refused offsets that are remembered. Exceeded: `committed` rejects no more for the oldest. */
export const REFUSED_RUNS_MAX = 1_000;

/** Readers take a segment in pieces of this many bytes. A multiple of 8. */
export const CHUNK_BYTES: number = 256 * 1024;
/** Bytes of chunks that readers share. Exceeded: the one not used for longest is forgotten. */
export const CHUNK_CACHE_BYTES_MAX: number = 16 * 1024 * 1024;
/** Chunks that all readers together take in one turn of the event loop. Exceeded: others have their turn. */
export const CHUNKS_PER_TURN_MAX = 2;
/** Bytes read without a match after which a reader says how far it came. */
export const PROGRESS_BYTES: number = 4 * 1024 * 1024;
/** Files that are open for reading. Exceeded: the one not used for longest is closed. */
export const FILES_OPEN_MAX = 32;
/** Distance of the entries of a segment's seek table, in bytes. */
export const SEEK_BYTES: number = 64 * 1024;
/** Bytes of the topics of one segment's index. Exceeded: that segment has none, and is always read. */
export const TOPIC_INDEX_BYTES_MAX: number = 2 * 1024 * 1024;
/** Bytes of an index file: what its limits allow, and not more. Exceeded: taken as damaged. */
export const INDEX_BYTES_MAX: number = 16 * 1024 * 1024;
/** Indexes of sealed segments that are kept in memory. Exceeded: the one not used for longest goes. */
export const INDEXES_KEPT_MAX = 8;
/** Topics that `last` answers for. Exceeded: an error that asks for a narrower pattern. */
export const LAST_TOPICS_MAX = 100_000;
/** Places of damage that are remembered, so that each is counted once. Exceeded: counted again. */
export const DAMAGES_KNOWN_MAX = 10_000;
/** Texts (topics, names) whose bytes, or whose text, are kept at hand. Exceeded: worked out anew. */
export const TEXTS_KEPT_MAX = 4_096;
