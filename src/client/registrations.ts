import type { CallOptions, ExposeOptions, Handler, SubscribeOptions } from "../peer/api.ts";
import type { Handlers } from "../peer/handlers.ts";
import { resolveFrom } from "../peer/history_from.ts";
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
    // Streams still want what they asked for; a callback before this one wants nothing any more.
    const isShared = handlers.hasStream(topic);
    const undos = uplinks.map((uplink) =>
      isShared ? uplink.join(topic, from) : uplink.announce("subscribe", topic, from)
    );
    undos.push(handlers.setSubscriber(topic, handler, options));
    await this.#tell("subscribe", topic, { call, undos });
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
    const undos = uplinks.map((uplink) => uplink.join(topic, from));
    const stream: Stream = new Stream(() => this.#leave(topic, stream), {
      keepsAll: from.kind !== "now",
      onRoom: () => this.#hasRoom(topic),
    });
    handlers.addStream(topic, stream);
    this.#streams.add(stream);
    undos.push(() => {
      handlers.removeStream(topic, stream);
      this.#streams.delete(stream);
    });
    this.#tell("subscribe", topic, { call, undos }).catch((error) => stream.fail(error));
    return stream;
  }

  /** Sets the handler of a service. */
  async expose(
    { topic, handler, options }: Registration<ExposeOptions>,
    call: CallOptions,
  ): Promise<void> {
    const { handlers, uplinks } = this.#parts;
    const undos = uplinks.map((uplink) => uplink.announce("expose", topic));
    undos.push(handlers.setService(topic, handler, options));
    await this.#tell("expose", topic, { call, undos });
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
    { call, undos }: { readonly call: CallOptions; readonly undos: readonly (() => void)[] },
  ): Promise<void> {
    try {
      await Promise.all(this.#parts.uplinks.map((uplink) => uplink.tell(kind, topic, call)));
    } catch (error) {
      for (const undo of undos) undo();
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

  /** What waits for a loop or callback may go to it. */
  #hasRoom(topic: string): void {
    for (const uplink of this.#parts.uplinks) uplink.hasRoom(topic);
  }

  /** The loop over a stream has ended. It must not fail because the broker is slow to hear of it. */
  async #leave(topic: string, stream: Stream): Promise<void> {
    this.#streams.delete(stream);
    this.#parts.handlers.removeStream(topic, stream);
    // What waited for this one must not wait for ever.
    this.#hasRoom(topic);
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
