import { LimitError } from "../protocol/errors.ts";
import { SpaceTrie } from "../protocol/space_trie.ts";
import { isSpace } from "../protocol/topic.ts";
import { MATCHES_CACHED_MAX, PRIVATE_PATTERNS_MAX, PRIVATE_TOPICS_MAX } from "./limits.ts";

/** A topic or pattern that only some may use. */
export interface PrivateRule {
  /** What it covers: a topic, or all topics that a pattern matches. */
  readonly topic: string;
  /** Names that may use it. */
  readonly names: ReadonlySet<string>;
}

interface OwnRule extends PrivateRule {
  readonly names: Set<string>;
}

const NONE: readonly PrivateRule[] = [];

/**
 * Private topics and who may use them (spec 5.7). A rule for a pattern covers every topic that the pattern
 * matches, also those with `@`, which a subscription of that pattern does not get. Where several rules cover a
 * topic, the names of all of them may use it.
 */
export class PrivateTopics {
  /** Topic or pattern -> rule. */
  readonly #rules = new Map<string, OwnRule>();
  readonly #patterns = new SpaceTrie<OwnRule>({ isVerbatim: false });
  readonly #hasSpaces: boolean;
  #patternCount = 0;
  /** Topic -> rules that cover it. */
  readonly #known = new Map<string, readonly PrivateRule[]>();

  /** Makes one without rules. Without `spaces` a `*` means nothing special. */
  constructor({ spaces }: { readonly spaces: boolean }) {
    this.#hasSpaces = spaces;
  }

  /** Whether there is no rule at all. */
  get isEmpty(): boolean {
    return this.#rules.size === 0;
  }

  /** Every rule, in the order they were made. */
  rules(): Iterable<PrivateRule> {
    return this.#rules.values();
  }

  /** The rules that cover a topic; none for a public one. */
  covering(topic: string): readonly PrivateRule[] {
    if (this.#rules.size === 0) return NONE;
    const known = this.#known.get(topic);
    if (known !== undefined) return known;
    const exact = this.#rules.get(topic);
    const found = exact === undefined ? [] : [exact];
    if (this.#patternCount > 0) {
      for (const { values } of this.#patterns.match(topic)) {
        for (const rule of values) if (rule !== exact) found.push(rule);
      }
    }
    if (this.#known.size >= MATCHES_CACHED_MAX) this.#known.clear();
    this.#known.set(topic, found.length === 0 ? NONE : found);
    return found;
  }

  /** The rule that was made for exactly this topic or pattern. */
  exact(topic: string): PrivateRule | null {
    return this.#rules.get(topic) ?? null;
  }

  /** Makes a topic private; an existing set is kept. Throws `LimitError`. */
  makePrivate(topic: string): void {
    this.#make(topic);
  }

  /** Makes a topic public; its set is dropped. */
  makePublic(topic: string): void {
    const rule = this.#rules.get(topic);
    if (rule === undefined) return;
    this.#rules.delete(topic);
    this.#known.clear();
    if (!this.#isPattern(topic)) return;
    this.#patterns.remove(topic, rule);
    this.#patternCount--;
  }

  /** Lets a component use a topic, which becomes private if it was not. Throws `LimitError`. */
  authorize(name: string, topic: string): void {
    const { names } = this.#make(topic);
    if (names.size >= PRIVATE_TOPICS_MAX && !names.has(name)) {
      throw new LimitError(
        `Cannot authorize "${name}" on "${topic}": ${PRIVATE_TOPICS_MAX} names are`,
      );
    }
    names.add(name);
  }

  /** Takes the right back. Nothing happens on a public topic. */
  unauthorize(name: string, topic: string): void {
    this.#rules.get(topic)?.names.delete(name);
  }

  /** Private topic or pattern -> authorized names, for admins. */
  list(): Record<string, string[]> {
    const list: Record<string, string[]> = Object.create(null);
    for (const { topic, names } of this.#rules.values()) list[topic] = [...names];
    return list;
  }

  #isPattern(topic: string): boolean {
    return this.#hasSpaces && isSpace(topic);
  }

  #make(topic: string): OwnRule {
    const known = this.#rules.get(topic);
    if (known !== undefined) return known;
    const isPattern = this.#isPattern(topic);
    if (this.#rules.size >= PRIVATE_TOPICS_MAX) {
      throw new LimitError(`Cannot make "${topic}" private: ${PRIVATE_TOPICS_MAX} topics are`);
    }
    if (isPattern && this.#patternCount >= PRIVATE_PATTERNS_MAX) {
      throw new LimitError(`Cannot make "${topic}" private: ${PRIVATE_PATTERNS_MAX} patterns are`);
    }
    const rule: OwnRule = { topic, names: new Set() };
    this.#rules.set(topic, rule);
    this.#known.clear();
    if (isPattern) {
      this.#patterns.add(topic, rule);
      this.#patternCount++;
    }
    return rule;
  }
}
