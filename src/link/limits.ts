/** The largest message in bytes, however many frames it comes in (D6). Exceeded: close 1009. */
export const MESSAGE_BYTES_MAX: number = 60 * 1024 * 1024;
/** Bytes of an upgrade request, or of its answer. Exceeded: answered with 431, or not dialled; closed. */
export const UPGRADE_BYTES_MAX: number = 64 * 1024;
/** Header lines of an upgrade request, or of its answer. Exceeded: as above. */
export const UPGRADE_HEADERS_MAX = 100;
/** Time for an upgrade request to arrive, in milliseconds. Exceeded: answered with 408 and closed. */
export const UPGRADE_MS_MAX = 5_000;
/** Time that a refused peer has to read the answer before it is cut, in milliseconds. */
export const REFUSAL_MS_MAX = 1_000;
/** Upgrades and logins of one address that are pending at once (D28); loopback is exempt. Exceeded: begun later. */
export const UPGRADES_PER_ADDRESS_MAX = 100;
/** Connections of one address that wait for their upgrade to begin. Exceeded: closed unanswered. */
export const WAITING_PER_ADDRESS_MAX = 900;
/**
 * Connections of all addresses, loopback included, that are not upgraded yet. Exceeded: nothing is
 * accepted until one of them is done; others wait in the queue of the operating system.
 */
export const UNFINISHED_MAX = 4_096;
/** Pause after a failure to accept, such as too many open files, in milliseconds. */
export const ACCEPT_RETRY_MS = 100;
/** Time for queued messages and the close handshake, in milliseconds. Exceeded: cut, code 1006. */
export const CLOSE_MS_MAX = 5_000;
/** Pause between keep-alive pings when none is given, in milliseconds. */
export const PING_INTERVAL_MS = 30_000;
/** How often the files of a listener with TLS are looked at, in milliseconds. Renewed ones are read a look later. */
export const TLS_CHECK_MS = 1_000;
/** Silence beyond the pause between pings after which a peer is cut, in milliseconds. */
export const PONG_MS_MAX = 20_000;
/**
 * Messages that the owner of a dialled or memory link is given without a turn in between. Exceeded: the rest
 * waits for the next turn (of the event loop; of the microtasks within a process), so that a component is done with what its handlers did at once before it
 * gets more, however many came with one read.
 */
export const TURN_MESSAGES_MAX = 128;
/** Bytes of control frames that wait for a slow socket. Exceeded: only the latest one is kept. */
export const CONTROL_BYTES_MAX: number = 4 * 1024;
/** Above so many buffered bytes a link reports `drained` when it has fallen low again. */
export const BUFFERED_BYTES_HIGH: number = 64 * 1024;
/** Below so many buffered bytes a link that was high reports `drained`. */
export const BUFFERED_BYTES_LOW: number = 32 * 1024;
/** How often the buffer of a WHATWG socket above its high mark is looked at, in milliseconds. */
export const DRAIN_POLL_MS = 5;
/**
 * Bytes of messages that a link over a WHATWG socket holds while it is paused or not started. Exceeded:
 * closed with 1013, as such a socket cannot be told to stop reading.
 */
export const HELD_BYTES_MAX: number = 2 * MESSAGE_BYTES_MAX;
/** Longest close reason in UTF-8 bytes that fits a close frame (RFC 6455 5.5). Exceeded: cut. */
export const REASON_BYTES_MAX = 123;
