/** Subscriptions of one component (D35). Exceeded: `subscribe` is answered with 10. */
export const SUBSCRIPTIONS_MAX = 10_000;
/** Services of one component (D35). Exceeded: `expose` is answered with 10. */
export const SERVICES_MAX = 1_000;
/** Calls that one component waits for, and calls that one exposer works on (D35). Exceeded: 43. */
export const CALLS_PENDING_MAX = 1_024;
/** Unacknowledged QoS 1/2 deliveries on the way to one subscriber (D13). Exceeded: the rest waits. */
export const DELIVERIES_IN_FLIGHT_MAX = 64;
/**
 * Bytes queued for one session, and bytes of QoS 1/2 deliveries to one component that are not acknowledged
 * (D6). The largest one does not count, so that one of any size is always taken. Exceeded: QoS 0 is dropped
 * and counted, a call is answered with 43, anything else closes the session.
 */
export const OUTBOUND_BYTES_MAX: number = 16 * 1024 * 1024;
/** What one QoS 1/2 delivery takes besides its payload, in bytes, so that many small ones count, too. */
export const DELIVERY_BYTES = 256;
/** Default for the memory of all queues together (D35). Half of it is for outbound queues. */
export const MEMORY_BYTES_DEFAULT: number = 1024 * 1024 * 1024;
/** Memory of the queues below which a limit makes no sense: two sessions must fit. */
export const MEMORY_BYTES_MIN: number = 4 * OUTBOUND_BYTES_MAX;
/** Pauses before the oldest unacknowledged delivery is sent again, in milliseconds (D13). */
export const RESEND_PAUSES_MS: readonly number[] = [2_000, 4_000, 8_000];
/** Without any acknowledgement for so long, the session is closed, in milliseconds (D13). */
export const PROGRESS_MS_MAX = 22_000;
/** Transmissions of one delivery, over at least two sessions, before it is given up (D13). */
export const DELIVERY_ATTEMPTS_MAX = 11;
/** Sessions that a delivery must have failed on before it is given up (D13). */
export const DELIVERY_SESSIONS_MIN = 2;
/** How long deliveries in flight to a disconnected component are kept, in milliseconds. */
export const DELIVERIES_KEEP_MS: number = 10 * 60_000;
/** How long ids of QoS 2 publications are remembered, in milliseconds (D12). */
export const WINDOW_MS: number = 10 * 60_000;
/** Ids of QoS 2 publications remembered for one publisher. Exceeded: the oldest is forgotten. */
export const WINDOW_IDS_MAX = 65_536;
/** Names remembered while disconnected (D35). Exceeded: the one away longest is forgotten. */
export const NAMES_MAX = 100_000;
/**
 * Subscriptions, services and QoS 2 ids of all names remembered while disconnected, together. Exceeded: the
 * one away longest is forgotten.
 */
export const NAME_ENTRIES_MAX = 1_000_000;
/** A disconnected name is forgotten after so long, in milliseconds (D35). */
export const NAME_KEEP_MS: number = 30 * 24 * 3_600_000;
/** Services without an exposer that are answered with 43 instead of 42. Exceeded: the oldest gives 42. */
export const SERVICES_KNOWN_MAX = 100_000;
/** Topics whose receivers are kept ready. Exceeded: all are worked out anew. */
export const MATCHES_CACHED_MAX = 10_000;
/** How long a forwarded call waits when the caller did not tell, in milliseconds (D17). */
export const CALL_MS_DEFAULT = 60_000;
/** The longest time to live that a caller may ask for, in milliseconds. Exceeded: cut to this. */
export const CALL_MS_MAX: number = 24 * 3_600_000;
/** How often overdue calls, forgotten names and stale deliveries are looked for, in milliseconds. */
export const SWEEP_MS = 250;
/** How long a session whose name somebody else wants has to answer, in milliseconds (D18). */
export const PROBE_MS = 1_000;
/**
 * Messages that handlers of the broker itself work on. Exceeded: QoS 0 dropped, QoS 1/2 not taken. More than one
 * read of a socket can bring (64 KiB), since no handler ends within the turn that it was called in.
 */
export const LOCAL_DELIVERIES_MAX = 8_192;
/**
 * Bytes of messages and calls that handlers of the broker itself work on; the largest does not count.
 * Exceeded: QoS 0 dropped, QoS 1/2 not taken, calls answered with 43.
 */
export const LOCAL_BYTES_MAX: number = 64 * 1024 * 1024;
/** Pause before a message is offered again to a loop of the broker itself that had no room, in milliseconds. */
export const LOCAL_RETRY_MS = 20;
/** Private topics, and names authorized on one of them. Exceeded: the command is answered with 10. */
export const PRIVATE_TOPICS_MAX = 100_000;
/** Patterns among them. Exceeded: the command is answered with 10. */
export const PRIVATE_PATTERNS_MAX = 1_000;
/** Tenants. Exceeded: the command is answered with 10. */
export const TENANTS_MAX = 10_000;
/** Admins. Exceeded: the command is answered with 10. */
export const ADMINS_MAX = 10_000;
/** How long a login may be under way, in milliseconds (D28). Exceeded: the session is closed. */
export const LOGIN_MS = 5_000;
/** Pause before a broker of authenticated components sends a challenge unasked, in milliseconds (D29). */
export const CHALLENGE_MS = 250;
/** Bytes of a message while a login is under way (D28). Exceeded: close 1009. */
export const LOGIN_BYTES_MAX: number = 64 * 1024;
/** Bytes of a public key, of a PIN and of a signature. Exceeded: refused. */
export const KEY_BYTES_MAX: number = 16 * 1024;
/** How long `close` waits for acknowledgements and answers under way, in milliseconds. */
export const DRAIN_MS_DEFAULT = 2_000;
/** QoS 1/2 deliveries that wait for one component while it has a journal. Exceeded: the rest stays in there. */
export const OUTBOX_DELIVERIES_MAX = 1_024;
/** Bytes of them; the largest one does not count. Exceeded: the rest stays in the journal. */
export const OUTBOX_BYTES_MAX: number = 4 * 1024 * 1024;
/** Messages that came while a subscription joined. Exceeded: it goes on reading the journal. */
export const HELD_MESSAGES_MAX = 1_024;
/** Bytes of them. Exceeded: as above. */
export const HELD_BYTES_MAX: number = 1024 * 1024;
/** How long a subscription that wants what it missed waits for `reactive`, in milliseconds. Then it gets it anyway. */
export const REACTIVE_GRACE_MS = 2_000;
/** Pause before stored messages are read again from a disk that failed, in milliseconds. */
export const CATCH_UP_RETRY_MS = 1_000;
/** How long the position of a subscription may be newer than what is remembered, in milliseconds. */
export const SERVED_STORE_MS = 1_000;
/** The same while an ACK2 waits for it, in milliseconds. */
export const SERVED_COVER_MS = 100;
/** Publications of one session that wait until the journal takes more. Exceeded: the session is closed. */
export const STALLED_BYTES_MAX: number = 64 * 1024 * 1024;
/**
 * Bytes of a data frame that a JSON peer gets as rows. Exceeded: a result becomes 40, a publication is given up for that
 * peer, counted and told as a gap.
 */
export const JSON_FRAME_BYTES_MAX: number = 4 * 1024 * 1024;
/** Values of such a frame, rows times columns. Exceeded: as above. */
export const JSON_FRAME_CELLS_MAX = 100_000;
/** Topics with a gap not yet told to a session. Exceeded: gaps are told under the topic `**`. */
export const GAP_TOPICS_MAX = 1_000;
