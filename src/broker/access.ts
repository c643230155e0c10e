import { LimitError } from "../protocol/errors.ts";
import { PRIVATE_TOPICS_MAX } from "./limits.ts";

/** What an actor wants to do with a topic. */
export type Action = "publish" | "subscribe" | "receive" | "expose" | "call";

/** Who asks. */
export interface Actor {
  /** Name of the component; the broker-given id of an anonymous one. */
  readonly name: string;
  /** The broker's own handle: it may do everything. */
  readonly isBroker: boolean;
}

/**
 * The one gate for every door (design.md section 6): private topics and who may use them (spec 5.7).
 * An admin is not implicitly authorized.
 */
export class Access {
  /** Private topic -> names that may use it. */
  readonly #private = new Map<string, Set<string>>();

  /** Whether `actor` may do `action` on exactly this topic. A space is open: each message is judged on its own. */
  can(actor: Actor, _action: Action, topic: string): boolean {
    if (this.#private.size === 0 || actor.isBroker) return true;
    const authorized = this.#private.get(topic);
    return authorized === undefined || authorized.has(actor.name);
  }

  /** Whether a topic has to be judged per receiver. */
  isPrivate(topic: string): boolean {
    return this.#private.size > 0 && this.#private.has(topic);
  }

  /** Makes a topic private; an existing set is kept. Throws `LimitError`. */
  makePrivate(topic: string): Set<string> {
    const known = this.#private.get(topic);
    if (known !== undefined) return known;
    if (this.#private.size >= PRIVATE_TOPICS_MAX) {
      throw new LimitError(`Cannot make "${topic}" private: ${PRIVATE_TOPICS_MAX} topics are`);
    }
    const authorized = new Set<string>();
    this.#private.set(topic, authorized);
    return authorized;
  }

  /** Makes a topic public; its set is dropped. */
  makePublic(topic: string): void {
    this.#private.delete(topic);
  }

  /** Lets a component use a topic, which becomes private if it was not. Throws `LimitError`. */
  authorize(name: string, topic: string): void {
    const authorized = this.makePrivate(topic);
    if (authorized.size >= PRIVATE_TOPICS_MAX && !authorized.has(name)) {
      throw new LimitError(
        `Cannot authorize "${name}" on "${topic}": ${PRIVATE_TOPICS_MAX} names are`,
      );
    }
    authorized.add(name);
  }

  /** Takes the right back. Nothing happens on a public topic. */
  unauthorize(name: string, topic: string): void {
    this.#private.get(topic)?.delete(name);
  }

  /** Names that may use a private topic; `null` for a public one. */
  namesOf(topic: string): readonly string[] | null {
    const authorized = this.#private.get(topic);
    return authorized === undefined ? null : [...authorized];
  }

  /** Private topic -> authorized names, for admins. */
  list(): Record<string, string[]> {
    const list: Record<string, string[]> = Object.create(null);
    for (const [topic, names] of this.#private) list[topic] = [...names];
    return list;
  }
}
