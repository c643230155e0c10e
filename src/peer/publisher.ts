import {
  ConnectionClosedError,
  LimitError,
  refusalText,
  RembusError,
  Status,
  TimeoutError,
} from "../protocol/errors.ts";
import type { MsgId, Packet, Publish, Response } from "../protocol/packet.ts";
import type { Clock, Timer } from "../util/clock.ts";

/** QoS 1/2 publications that may wait for their acknowledgement (D35). Exceeded: `LimitError`. */
export const PUBLICATIONS_IN_FLIGHT_MAX = 1_024;
/** Payload bytes of all of them (D35). Exceeded: `LimitError`, but one publication always fits. */
export const OUTBOX_BYTES_MAX: number = 16 * 1024 * 1024;
/** With more than this queued in the link, the earlier copy is still on its way and no other is sent. */
const RESEND_BUFFERED_BYTES_MAX = 1024 * 1024;

/**
 * An ACK2 leaves after a pause without acknowledgements, in milliseconds: it is a hint (PROTOCOL.md 5.7), and
 * a small frame in front of the next publication would hold that up where the transport waits for the
 * acknowledgement of small packets (Nagle), as sockets of Deno do.
 */
const ACK2_PAUSE_MS = 100;
/** ACK2 that may wait. Exceeded: all of them leave. */
export const ACK2_WAITING_MAX = 1_024;

/** Where publications are sent. */
export interface PublisherLink {
  /** Bytes that wait for the transport. */
  readonly bufferedBytes: number;
  /** Sends a packet. Throws `TypeError` for a value that cannot be encoded. */
  send(packet: Packet): void;
}

/** What a {@link Publisher} needs. */
export interface PublisherOptions {
  readonly clock: Clock;
  /** Pause before a publication is sent again, in milliseconds. */
  readonly ackTimeoutMs: number;
  /** How often a publication is sent again over one connection. */
  readonly sendRetries: number;
  /** Whether the broker knows a QoS 2 id again after a reconnect: it does so by name only (D12). */
  readonly isNamed: boolean;
}

/** A publication of QoS 1 or 2. */
export type ReliablePublish = Publish & { readonly id: MsgId; readonly qos: 1 | 2 };

interface Pending {
  readonly packet: ReliablePublish;
  readonly bytes: number;
  readonly deadline: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
  readonly forgetSignal: () => void;
  /** Transmissions over the current connection. */
  transmissions: number;
  /** Whether it ever left. */
  wasSent: boolean;
  timer: Timer;
}

/**
 * The sender's half of QoS 1 and 2 (spec 5.2). The id is chosen once; the same frame is sent again until
 * it is acknowledged, refused or out of time, also over the next connections of its component (D16).
 *
 *     publish ─▶ waiting ──ACK──▶ done (QoS 2: ACK2 follows)
 *                 │  ▲  └──RESPONSE──▶ done, or refused
 *            2 s  └──┘ again, up to 10 times; no answer until the deadline: timeout
 */
export class Publisher {
  readonly #options: PublisherOptions;
  /** In the order of publishing, which is the order of sending again. */
  readonly #pending = new Map<MsgId, Pending>();
  #link: PublisherLink | null = null;
  #bytes = 0;
  /** Ids whose ACK2 was not sent. */
  #released: MsgId[] = [];
  #releaseTimer: Timer | null = null;

  /** Makes a publisher without a link. */
  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Publications that are not acknowledged. */
  get size(): number {
    return this.#pending.size;
  }

  /**
   * Publishes, and resolves when the broker acknowledged. Rejects with `LimitError`, `TimeoutError`,
   * `RembusError` (refused), `ConnectionClosedError`, or the reason of the signal. Without a link the
   * publication waits for the next one.
   */
  publish(
    packet: ReliablePublish,
    options: {
      readonly timeoutMs?: number | undefined;
      readonly signal?: AbortSignal | undefined;
    } = {},
  ): Promise<void> {
    const { signal } = options;
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    const bytes = packet.data.byteLength;
    if (this.#pending.size >= PUBLICATIONS_IN_FLIGHT_MAX) {
      return Promise.reject(
        new LimitError(
          `Cannot publish on "${packet.topic}": at most ${PUBLICATIONS_IN_FLIGHT_MAX} publications may wait ` +
            "for their acknowledgement",
        ),
      );
    }
    if (this.#pending.size > 0 && this.#bytes + bytes > OUTBOX_BYTES_MAX) {
      return Promise.reject(
        new LimitError(
          `Cannot publish on "${packet.topic}": publications that wait for their acknowledgement may hold ` +
            `at most ${OUTBOX_BYTES_MAX} bytes`,
        ),
      );
    }
    const { clock, ackTimeoutMs, sendRetries } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => this.#fail(packet.id, signal?.reason);
    signal?.addEventListener("abort", onAbort, { once: true });
    const timeoutMs = options.timeoutMs ?? ackTimeoutMs * (sendRetries + 1);
    const pending: Pending = {
      packet,
      bytes,
      deadline: clock.now() + timeoutMs,
      resolve,
      reject,
      forgetSignal: () => signal?.removeEventListener("abort", onAbort),
      transmissions: 0,
      wasSent: false,
      timer: clock.setTimer(() => this.#onTimer(packet.id), Math.min(ackTimeoutMs, timeoutMs)),
    };
    this.#pending.set(packet.id, pending);
    this.#bytes += bytes;
    this.#transmit(pending);
    return promise;
  }

  /** A connection is ready: all that waits is sent over it, in order. */
  attach(link: PublisherLink): void {
    this.#link = link;
    for (const pending of [...this.#pending.values()]) {
      pending.transmissions = 0;
      this.#rearm(pending);
      this.#transmit(pending);
    }
  }

  /**
   * The connection is lost. What can be sent again without being handled twice waits for the next one;
   * QoS 2 of an anonymous component cannot, and fails (D16).
   */
  detach(): void {
    this.#link = null;
    this.#releaseAll();
    if (this.#options.isNamed) return;
    for (const { packet, wasSent } of [...this.#pending.values()]) {
      if (packet.qos !== 2 || !wasSent) continue;
      this.#fail(
        packet.id,
        new ConnectionClosedError(
          `Cannot confirm the publication on "${packet.topic}": connection lost, outcome unknown`,
        ),
      );
    }
  }

  /** An ACK came. Returns `false` for an id that does not wait. */
  acknowledged(id: MsgId): boolean {
    const pending = this.#take(id);
    if (pending === undefined) return false;
    if (pending.packet.qos === 2) this.#release(id);
    pending.resolve();
    return true;
  }

  /** A RESPONSE came for a publication: done, or refused (D4). Returns `false` for an id that does not wait. */
  answered({ id, status, data }: Response): boolean {
    const pending = this.#take(id);
    if (pending === undefined) return false;
    if (status === Status.OK) {
      pending.resolve();
    } else {
      const { topic } = pending.packet;
      const text = `Cannot publish on "${topic}": ${refusalText(status, data.value)}`;
      pending.reject(new RembusError(status, text));
    }
    return true;
  }

  /** Gives up everything, each with an error of its own. */
  failAll(makeError: () => Error): void {
    for (const id of [...this.#pending.keys()]) this.#fail(id, makeError());
  }

  #release(id: MsgId): void {
    this.#released.push(id);
    this.#releaseTimer?.cancel();
    if (this.#released.length >= ACK2_WAITING_MAX) this.#releaseAll();
    else this.#releaseTimer = this.#options.clock.setTimer(() => this.#releaseAll(), ACK2_PAUSE_MS);
  }

  /** Without a link the hints are lost: their ids meant something on that connection only. */
  #releaseAll(): void {
    this.#releaseTimer?.cancel();
    this.#releaseTimer = null;
    for (const id of this.#released) this.#link?.send({ type: "ack2", id });
    this.#released = [];
  }

  #onTimer(id: MsgId): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    if (this.#options.clock.now() >= pending.deadline) {
      this.#fail(id, new TimeoutError());
      return;
    }
    this.#rearm(pending);
    const isUnderWay = (this.#link?.bufferedBytes ?? 0) > RESEND_BUFFERED_BYTES_MAX;
    if (pending.transmissions <= this.#options.sendRetries && !isUnderWay) this.#transmit(pending);
  }

  #rearm(pending: Pending): void {
    const { clock, ackTimeoutMs } = this.#options;
    const left = Math.max(0, pending.deadline - clock.now());
    pending.timer.cancel();
    pending.timer = clock.setTimer(
      () => this.#onTimer(pending.packet.id),
      Math.min(ackTimeoutMs, left),
    );
  }

  #transmit(pending: Pending): void {
    if (this.#link === null) return;
    pending.transmissions++;
    pending.wasSent = true;
    try {
      this.#link.send(pending.packet);
    } catch (error) {
      // A value without a form in the encoding of this connection: sending it again would fail again.
      this.#fail(pending.packet.id, error);
    }
  }

  #fail(id: MsgId, reason: unknown): void {
    this.#take(id)?.reject(reason);
  }

  #take(id: MsgId): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    this.#bytes -= pending.bytes;
    pending.timer.cancel();
    pending.forgetSignal();
    return pending;
  }
}
