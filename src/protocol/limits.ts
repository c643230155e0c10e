/** The largest frame, in bytes, in and out: what rembus.python accepts (spec 2). Exceeded: close 1009. */
export const FRAME_BYTES_MAX: number = 60 * 1024 * 1024;
/** Longest topic in UTF-8 bytes. Exceeded: refused with an error. */
export const TOPIC_BYTES_MAX = 1024;
/** Most levels of a topic. Exceeded: refused with an error. */
export const TOPIC_LEVELS_MAX = 64;
/** Longest component name in UTF-8 bytes (D30). Exceeded: refused with an error. */
export const NAME_BYTES_MAX = 255;
/** Deepest nesting of a CBOR payload, the message array not counted. Exceeded: close 1007. */
export const NESTING_MAX = 64;
/** Default WebSocket port. */
export const PORT_DEFAULT = 8338;
