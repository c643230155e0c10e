import type { Link, LinkClose } from "../link/link.ts";
import { Channel } from "../peer/channel.ts";
import { type RequestOptions, Requests } from "../peer/requests.ts";
import { ConnectionClosedError, LimitError, Status, TimeoutError } from "../protocol/errors.ts";
import { FRAME_BYTES_MAX } from "../protocol/limits.ts";
import { idWithSlot } from "../protocol/msg_id.ts";
import type {
  Admin,
  Attestation,
  Encoding,
  Identity,
  MsgId,
  Packet,
  Register,
  Response,
  Rpc,
  Unregister,
} from "../protocol/packet.ts";
import { Payload } from "../protocol/payload.ts";
import type { Clock, Timer } from "../util/clock.ts";
import type { Logger } from "../util/log.ts";
import type { Random } from "../util/random.ts";
import { Heartbeat } from "./heartbeat.ts";

/** Bytes queued for the broker (D35). Exceeded: publications and calls are refused with `LimitError`. */
export const OUTBOUND_BYTES_MAX: number = 16 * 1024 * 1024;
/** A publisher waits when more than this is queued. Links say when it has fallen to half of it. */
const OUTBOUND_BYTES_HIGH: number = 64 * 1024;
/** Room for the header of a frame, topic not counted, when its size is estimated. */
const HEAD_BYTES = 128;
/** UTF-8 bytes of one UTF-16 unit, at most. */
const UNIT_BYTES_MAX = 3;
/** A text that may be longer is measured; two of them and a header still fit into a frame. */
const UNMEASURED_BYTES_MAX: number = FRAME_BYTES_MAX / 4;

/** How long reading pauses at a time, in milliseconds, while there is no room for what comes. */
export const REST_MS = 100;

/** What a broker understands beyond the protocol (D3). */
export interface Capabilities {
  /** Whether it can be asked for a place among the messages that it keeps. */
  readonly history: boolean;
  /** Whether it was asked to tell offset, time and publisher of each message. */
  readonly extras: boolean;
}

/** What a {@link Session} needs. */
export interface SessionOptions {
  readonly link: Link;
  readonly encoding: Encoding;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly requestTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly heartbeatTimeoutMs: number;
  /** Every packet but the answers to requests of this session. */
  readonly onPacket: (packet: Packet, session: Session) => void;
}

/** A request without its id, which the session chooses unless it is given. */
export type Question =
  & (
    | Omit<Identity, "id">
    | Omit<Admin, "id">
    | Omit<Rpc, "id">
    | Omit<Attestation, "id">
    | Omit<Register, "id">
    | Omit<Unregister, "id">
  )
  & { readonly id?: MsgId };

/** One connection to a broker: what a component sends over it and waits for. */
export class Session {
  /** Resolves when the link is gone. */
  readonly ended: Promise<LinkClose>;
  /** Resolves when the broker asks for a proof of the name though nothing asked it to (rembus-jl 5.4). */
  readonly challenged: Promise<Response>;
  readonly #options: SessionOptions;
  readonly #channel: Channel;
  readonly #requests: Requests;
  readonly #heartbeat: Heartbeat;
  #isOpen = true;
  #capabilities: Capabilities | null = null;
  /** Ends a pause in reading. */
  #rest: Timer | null = null;
  readonly #challenge = Promise.withResolvers<Response>();
  /** Fails each work that must not outlive the session. */
  readonly #bounded = new Set<() => void>();
  /** Publishers that wait for the link to drain. */
  #waiting: PromiseWithResolvers<void> | null = null;

  /** Starts a session over a link that was not started. */
  constructor(options: SessionOptions) {
    this.#options = options;
    const { link, encoding, log, clock } = options;
    this.#requests = new Requests({ clock });
    this.challenged = this.#challenge.promise;
    const { promise, resolve } = Promise.withResolvers<LinkClose>();
    this.ended = promise;
    this.#channel = new Channel({
      link,
      encoding,
      log,
      onPacket: (packet) => this.#receive(packet),
      onDrained: () => this.#release(),
      onClosed: (close) => {
        this.#leave();
        resolve(close);
      },
    });
    this.#heartbeat = new Heartbeat({
      clock,
      intervalMs: options.heartbeatMs,
      timeoutMs: options.heartbeatTimeoutMs,
      probe: () => this.#probe(),
      onDead: () => this.terminate("no sign of life"),
    });
    this.#channel.start();
  }

  /** Whether packets can be sent. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** How the next packet is written. */
  get encoding(): Encoding {
    return this.#channel.encoding;
  }

  /** Requests that wait for an answer. */
  get pending(): number {
    return this.#requests.size;
  }

  /** Bytes that wait for the transport. */
  get bufferedBytes(): number {
    return this.#channel.bufferedBytes;
  }

  /** Whether the broker understands extras on calls (D3). */
  get isCapable(): boolean {
    return this.#capabilities !== null;
  }

  /** Whether the broker can be asked for a place among the messages that it keeps. */
  get hasHistory(): boolean {
    return this.#capabilities?.history ?? false;
  }

  /** Whether the broker tells offset, time and publisher of each message. */
  get hasExtras(): boolean {
    return this.#capabilities?.extras ?? false;
  }

  /** The broker negotiated capabilities (D3). */
  setCapable(capabilities: Capabilities = { history: false, extras: false }): void {
    this.#capabilities = capabilities;
    this.#channel.dialect = { ...this.#channel.dialect, slots: true };
  }

  /**
   * Sends a packet. Throws `TypeError` or `RangeError` when a value in it cannot be encoded, and
   * `LimitError` when it is larger than a frame may be.
   */
  send(packet: Packet): void {
    if (!this.#isOpen) return;
    assertFits(packet, this.encoding);
    this.#channel.send(packet);
  }

  /** Throws `LimitError` when the broker reads too slowly for anything more, or `ConnectionClosedError`. */
  assertRoom(action: string): void {
    if (!this.#isOpen) throw new ConnectionClosedError();
    if (this.#channel.bufferedBytes > OUTBOUND_BYTES_MAX) {
      throw new LimitError(
        `Cannot ${action}: at most ${OUTBOUND_BYTES_MAX} bytes may wait for the link, ` +
          `got ${this.#channel.bufferedBytes}`,
      );
    }
  }

  /** Resolves when little waits for the transport, or the link is gone. */
  async drained(signal?: AbortSignal): Promise<void> {
    if (!this.#isOpen || this.#channel.bufferedBytes <= OUTBOUND_BYTES_HIGH) return;
    this.#waiting ??= Promise.withResolvers<void>();
    const drained = this.#waiting.promise;
    if (signal === undefined) return await drained;
    const { promise, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await Promise.race([drained, promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /**
   * Reads nothing for a moment, where the transport can: what comes could not be taken. Not while an answer is
   * waited for, and not for so long that calls, pings or acknowledgements suffer.
   */
  rest(): void {
    if (!this.#isOpen || this.#rest !== null || this.#requests.size > 0) return;
    this.#channel.pause();
    this.#rest = this.#options.clock.setTimer(() => this.#wake(), REST_MS);
  }

  /** Sends a request and waits for its answer, whatever its status. */
  async request(question: Question, options: Partial<RequestOptions> = {}): Promise<Response> {
    if (!this.#isOpen) throw new ConnectionClosedError();
    const { requestTimeoutMs, random } = this.#options;
    const { timeoutMs = requestTimeoutMs } = options;
    const id = question.id ?? idWithSlot(random, null, 1);
    const answer = this.#requests.open(id, { ...options, timeoutMs });
    this.#wake();
    try {
      this.send({ ...question, id });
    } catch (error) {
      this.#requests.cancel(id, error);
    }
    return await answer;
  }

  /**
   * Waits for work of others no longer than for an answer, nor longer than the session lives. Rejects with
   * `TimeoutError`, of which `problem` is the text, and with `ConnectionClosedError`.
   */
  async bounded<T>(work: Promise<T>, problem: string): Promise<T> {
    if (!this.#isOpen) throw new ConnectionClosedError();
    const { clock, requestTimeoutMs } = this.#options;
    const { promise, reject } = Promise.withResolvers<never>();
    const fail = (): void => reject(new ConnectionClosedError());
    const timer = clock.setTimer(() => reject(new TimeoutError(problem)), requestTimeoutMs);
    this.#bounded.add(fail);
    try {
      return await Promise.race([work, promise]);
    } finally {
      timer.cancel();
      this.#bounded.delete(fail);
    }
  }

  /** Runs an admin command (spec 7). */
  command(
    topic: string,
    data: Readonly<Record<string, unknown>>,
    options: Partial<RequestOptions> = {},
  ): Promise<Response> {
    return this.request({ type: "admin", topic, data }, options);
  }

  /** Says goodbye: what was sent still leaves, what waits for an answer fails now. */
  close(code: number, reason: string): void {
    this.#leave();
    this.#channel.close(code, reason);
  }

  /** Cuts the link. */
  terminate(reason: string): void {
    this.#options.log.warn("link cut", { remote: this.#channel.remote, reason });
    this.#leave();
    this.#channel.terminate();
  }

  #probe(): void {
    // A broker that waits for a proof may close on anything else; and that wait has an end of its own.
    if (this.#bounded.size > 0) return this.#heartbeat.heard();
    // Its answer is nobody's: any packet is a sign of life.
    this.send({ ...rpc("rid"), id: idWithSlot(this.#options.random, null, 1) });
  }

  #receive(packet: Packet): void {
    this.#heartbeat.heard();
    if (packet.type === "response") {
      if (this.#requests.answered(packet)) return;
      if (packet.status === Status.CHALLENGE) return this.#challenge.resolve(packet);
    }
    this.#options.onPacket(packet, this);
  }

  #leave(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#wake();
    this.#heartbeat.stop();
    this.#requests.failAll(() => new ConnectionClosedError());
    for (const fail of this.#bounded) fail();
    this.#release();
  }

  #wake(): void {
    if (this.#rest === null) return;
    this.#rest.cancel();
    this.#rest = null;
    this.#channel.resume();
  }

  #release(): void {
    this.#waiting?.resolve();
    this.#waiting = null;
  }
}

/** The broker would answer a larger frame by closing the link, again and again where it is repeated (D6). */
function assertFits(packet: Packet, encoding: Encoding): void {
  if (packet.type !== "publish" && packet.type !== "rpc" && packet.type !== "response") return;
  // Publications are written twice in JSON (spec 3.4).
  const copies = encoding === "json" && packet.type === "publish" ? 2 : 1;
  const payload = encoding === "json" ? textBytes(packet.data.json) : packet.data.byteLength;
  const topic = packet.type === "response" ? 0 : textBytes(packet.topic);
  const bytes = HEAD_BYTES + topic + copies * payload;
  if (bytes > FRAME_BYTES_MAX) {
    throw new LimitError(
      `Cannot send a ${packet.type}: at most ${FRAME_BYTES_MAX} bytes fit into a frame, got ${bytes}`,
    );
  }
}

/** UTF-8 bytes of a text; of a short one as many as it could have. */
function textBytes(text: string): number {
  const bound = text.length * UNIT_BYTES_MAX;
  return bound <= UNMEASURED_BYTES_MAX ? bound : new TextEncoder().encode(text).byteLength;
}

/** A call without arguments. */
function rpc(topic: string): Omit<Rpc, "id"> {
  return { type: "rpc", topic, target: null, data: Payload.fromValue([]), extras: null };
}
