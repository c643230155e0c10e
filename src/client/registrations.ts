import type { CallOptions, ExposeOptions, Handler, SubscribeOptions } from "../peer/api.ts";
import type { Handlers } from "../peer/handlers.ts";
import type { Registration } from "../peer/registration.ts";
import { assertTopic } from "../peer/registration.ts";
import { Stream } from "../peer/stream.ts";
import type { Logger } from "../util/log.ts";
import type { AnnouncementKind } from "./announcements.ts";
import type { Uplink } from "./uplink.ts";

/** What {@link Registrations} needs. */
export interface RegistrationsParts {
  readonly handlers: Handlers;
  /** Every broker is told everything. */
  readonly uplinks: readonly Uplink[];
  readonly log: Logger;
}

/**
 * What a component listens to and offers: handlers here, announcements at its brokers. A handler is there
 * before it is announced, so that no message meets none; it is gone again when a broker refuses it.
 */
export class Registrations {
  readonly #parts: RegistrationsParts;
  /** Streams that have not ended. */
  readonly #streams = new Set<Stream>();

  /** Makes an empty book. */
  constructor(parts: RegistrationsParts) {
    this.#parts = parts;
  }

  /** Sets the callback of a topic. */
  async subscribe(
    { topic, handler, options }: Registration<SubscribeOptions>,
    call: CallOptions,
  ): Promise<void> {
    const { handlers, uplinks } = this.#parts;
    const from = resolveFrom(topic, options.from);
    for (const uplink of uplinks) uplink.announce("subscribe", topic, from);
    const undo = handlers.setSubscriber(topic, handler, options);
    await this.#tell("subscribe", topic, { call, undo });
  }

  /** Removes a callback by topic or function; an unknown one is ignored. */
  async unsubscribe(topicOrHandler: string | Handler, call: CallOptions): Promise<void> {
    const topic = this.#parts.handlers.removeSubscriber(topicOrHandler);
    if (topic !== null) await this.#withdraw("subscribe", topic, call);
  }

  /** Adds a stream to a topic, which it shares with the callback and with other streams. */
  stream(topic: string, options: SubscribeOptions, call: CallOptions): Stream {
    assertTopic(topic);
    const { handlers, uplinks } = this.#parts;
    const from = resolveFrom(topic, options.from);
    for (const uplink of uplinks) uplink.join(topic, from);
    const stream: Stream = new Stream(() => this.#leave(topic, stream));
    handlers.addStream(topic, stream);
    this.#streams.add(stream);
    const undo = (): void => {
      handlers.removeStream(topic, stream);
      this.#streams.delete(stream);
    };
    this.#tell("subscribe", topic, { call, undo }).catch((error) => stream.fail(error));
    return stream;
  }

  /** Sets the handler of a service. */
  async expose(
    { topic, handler, options }: Registration<ExposeOptions>,
    call: CallOptions,
  ): Promise<void> {
    const { handlers, uplinks } = this.#parts;
    for (const uplink of uplinks) uplink.announce("expose", topic);
    const undo = handlers.setService(topic, handler, options);
    await this.#tell("expose", topic, { call, undo });
  }

  /** Removes a service by topic or function; an unknown one is ignored. */
  async unexpose(topicOrHandler: string | Handler, call: CallOptions): Promise<void> {
    const topic = this.#parts.handlers.removeService(topicOrHandler);
    if (topic !== null) await this.#withdraw("expose", topic, call);
  }

  /** Ends all streams; with an error, which their loops get after what waits in them. */
  endStreams(error: Error | null): void {
    for (const stream of this.#streams) {
      if (error === null) stream.end();
      else stream.fail(error);
    }
    this.#streams.clear();
  }

  /** Tells all brokers. When one refuses or does not answer, everything is as before. */
  async #tell(
    kind: AnnouncementKind,
    topic: string,
    { call, undo }: { readonly call: CallOptions; readonly undo: () => void },
  ): Promise<void> {
    try {
      await Promise.all(this.#parts.uplinks.map((uplink) => uplink.tell(kind, topic, call)));
    } catch (error) {
      undo();
      // Those that did not refuse must forget it; who waits here has waited long enough.
      this.#withdraw(kind, topic, {}).catch((failure) => this.#failed(kind, topic, failure));
      throw error;
    }
  }

  /** Takes an announcement back that nobody here wants any more. */
  async #withdraw(kind: AnnouncementKind, topic: string, call: CallOptions): Promise<void> {
    const { handlers, uplinks } = this.#parts;
    const isWanted = kind === "expose" ? handlers.isExposed(topic) : handlers.hasSubscriber(topic);
    if (isWanted) return;
    const informed = uplinks.filter((uplink) => uplink.withdraw(kind, topic));
    await Promise.all(informed.map((uplink) => uplink.tell(kind, topic, call)));
  }

  /** The loop over a stream has ended. It must not fail because the broker is slow to hear of it. */
  async #leave(topic: string, stream: Stream): Promise<void> {
    this.#streams.delete(stream);
    this.#parts.handlers.removeStream(topic, stream);
    try {
      await this.#withdraw("subscribe", topic, {});
    } catch (error) {
      this.#failed("subscribe", topic, error);
    }
  }

  #failed(kind: AnnouncementKind, topic: string, error: unknown): void {
    this.#parts.log.warn("withdrawal not told", { kind, topic, error });
  }
}

function resolveFrom(topic: string, from = 0): number {
  if (typeof from === "number" && from >= 0) return from;
  throw new RangeError(
    `Cannot subscribe "${topic}": "from" must be a number of nanoseconds from 0 on, got ${
      String(from)
    }`,
  );
}
