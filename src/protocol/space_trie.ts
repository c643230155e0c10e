/** Ends what `*` matches. */
const LEVEL_END = 0x2f;
/** Ends what any wildcard matches: a level with `@` is private to those who spell it out (spec 5.6). */
const VERBATIM = 0x40;
const VERBATIM_TEXT = "@";
const STAR = "*";
const DOUBLE_STAR = "**";
/** Parts of a pattern: wildcards, taken from the left, and the texts between them. */
const PARTS = /\*\*|\*|[^*]+/g;

/** One pattern that matches a topic. */
export interface SpaceMatch<T> {
  /** The pattern as it was added. */
  readonly pattern: string;
  /** What was added under it, in order. */
  readonly values: Iterable<T>;
}

interface Entry<T> extends SpaceMatch<T> {
  readonly values: Set<T>;
  /** Position among all entries ever made: results are given in this order. */
  readonly order: number;
}

/** Where a pattern has got to. The root stands before the first part of every pattern. */
class TrieNode<T> {
  parent: TrieNode<T> | null;
  /** The text on the way from the parent; empty for the root and behind wildcards. */
  label: string;
  /** First UTF-16 unit of the label -> node. No two children begin alike. */
  texts: Map<number, TrieNode<T>> | null = null;
  star: TrieNode<T> | null = null;
  doubleStar: TrieNode<T> | null = null;
  /** The pattern that ends here. */
  entry: Entry<T> | null = null;

  constructor(parent: TrieNode<T> | null, label: string) {
    this.parent = parent;
    this.label = label;
  }
}

/** A node, and the places in the topic, ascending, that the pattern down to it can reach. */
interface Visit<T> {
  readonly node: TrieNode<T>;
  readonly reached: readonly number[];
}

/**
 * Patterns -> values, to find all patterns that match a topic (spec 5.6): `*` is one or more
 * characters of one level, `**` any text or none, and neither matches `@`.
 *
 * It is a radix tree with an edge for each wildcard:
 *
 * ```text
 * town/       ── *  ── /temperature     town/∗/temperature
 *             └─ ** ── (end)            town/∗∗
 * ```
 *
 * Patterns with an equal beginning share its nodes, and a node is looked at once for each topic, with
 * all places that its pattern can have got to. So patterns that fail early cost nothing, and no
 * pattern costs more than its length times that of the topic, however many wildcards it has.
 */
export class SpaceTrie<T> {
  readonly #root = new TrieNode<T>(null, "");
  readonly #isVerbatim: boolean;
  #entriesMade = 0;
  #nodes = 1;
  #visits = 0;

  /** Makes one without patterns. `isVerbatim` says whether wildcards leave out `@`, as those of subscriptions do. */
  constructor({ isVerbatim = true }: { readonly isVerbatim?: boolean } = {}) {
    this.#isVerbatim = isVerbatim;
  }

  /** Nodes in memory, the root included. */
  get nodes(): number {
    return this.#nodes;
  }

  /** Nodes that all calls of {@link match} have looked at: the work done so far. */
  get visits(): number {
    return this.#visits;
  }

  /** Adds a value under a pattern; once more changes nothing. Without `*` it matches only itself. */
  add(pattern: string, value: T): void {
    let node = this.#root;
    for (const [part] of pattern.matchAll(PARTS)) node = this.#descend(node, part);
    node.entry ??= { pattern, values: new Set(), order: this.#entriesMade++ };
    node.entry.values.add(value);
  }

  /** Removes a value from under a pattern, and what only that one needed. An unknown one is ignored. */
  remove(pattern: string, value: T): void {
    const node = this.#find(pattern);
    const values = node?.entry?.values;
    if (node === null || values === undefined) return;
    values.delete(value);
    if (values.size > 0) return;
    node.entry = null;
    this.#prune(node);
  }

  /** All patterns that match a topic, in the order in which they were added. */
  match(topic: string): readonly SpaceMatch<T>[] {
    const found: Entry<T>[] = [];
    const open: Visit<T>[] = [{ node: this.#root, reached: [0] }];
    for (let visit = open.pop(); visit !== undefined; visit = open.pop()) {
      const { node, reached } = visit;
      this.#visits++;
      if (node.entry !== null && reached.at(-1) === topic.length) found.push(node.entry);
      if (node.texts !== null) visitTexts(open, node.texts, { topic, reached });
      if (node.star !== null) {
        visitWildcard(open, node.star, afterStar(topic, reached, this.#isVerbatim));
      }
      if (node.doubleStar !== null) {
        visitWildcard(open, node.doubleStar, afterDoubleStar(topic, reached, this.#isVerbatim));
      }
    }
    return found.sort((one, other) => one.order - other.order);
  }

  /** The node behind one part of a pattern, made if it is new. */
  #descend(from: TrieNode<T>, part: string): TrieNode<T> {
    if (part === STAR) return from.star ??= this.#make(from, "");
    if (part === DOUBLE_STAR) return from.doubleStar ??= this.#make(from, "");
    let node = from;
    for (let text = part; text !== "";) {
      node.texts ??= new Map();
      const child = node.texts.get(text.charCodeAt(0));
      if (child === undefined) {
        const made = this.#make(node, text);
        node.texts.set(text.charCodeAt(0), made);
        return made;
      }
      const shared = sharedLength(child.label, text);
      node = shared === child.label.length ? child : this.#split(child, shared);
      text = text.slice(shared);
    }
    return node;
  }

  /** Puts a node between a node and its parent, so that something can branch off inside the label. */
  #split(node: TrieNode<T>, length: number): TrieNode<T> {
    const { parent, label } = node;
    const upper = this.#make(parent, label.slice(0, length));
    parent?.texts?.set(label.charCodeAt(0), upper);
    upper.texts = new Map([[label.charCodeAt(length), node]]);
    node.parent = upper;
    node.label = label.slice(length);
    return upper;
  }

  #make(parent: TrieNode<T> | null, label: string): TrieNode<T> {
    this.#nodes++;
    return new TrieNode(parent, label);
  }

  /** The node at which a pattern ends, if some pattern does or passes there. */
  #find(pattern: string): TrieNode<T> | null {
    let node: TrieNode<T> | null = this.#root;
    for (const [part] of pattern.matchAll(PARTS)) {
      if (node === null) return null;
      if (part === STAR) node = node.star;
      else if (part === DOUBLE_STAR) node = node.doubleStar;
      else node = findText(node, part);
    }
    return node;
  }

  /** Removes a node that nothing needs any more, and those above it; joins what then has no branch. */
  #prune(node: TrieNode<T>): void {
    let last = node;
    for (let { parent } = last; parent !== null && isUnused(last); { parent } = last) {
      detach(parent, last);
      this.#nodes--;
      last = parent;
    }
    this.#join(last);
  }

  /** Undoes a split: gives the label of a node that is only a step on the way to the node behind it. */
  #join(node: TrieNode<T>): void {
    const { parent, texts, label } = node;
    const isStep = label !== "" && node.entry === null && node.star === null &&
      node.doubleStar === null;
    if (parent === null || !isStep || texts?.size !== 1) return;
    for (const child of texts.values()) {
      child.label = label + child.label;
      child.parent = parent;
      parent.texts?.set(label.charCodeAt(0), child);
      this.#nodes--;
    }
  }
}

function findText<T>(from: TrieNode<T>, part: string): TrieNode<T> | null {
  let node = from;
  for (let at = 0; at < part.length; at += node.label.length) {
    const child = node.texts?.get(part.charCodeAt(at));
    if (child === undefined || !part.startsWith(child.label, at)) return null;
    node = child;
  }
  return node;
}

function isUnused<T>({ entry, texts, star, doubleStar }: TrieNode<T>): boolean {
  return entry === null && texts === null && star === null && doubleStar === null;
}

function detach<T>(parent: TrieNode<T>, child: TrieNode<T>): void {
  if (parent.star === child) parent.star = null;
  else if (parent.doubleStar === child) parent.doubleStar = null;
  else {
    parent.texts?.delete(child.label.charCodeAt(0));
    if (parent.texts?.size === 0) parent.texts = null;
  }
}

function sharedLength(one: string, other: string): number {
  const end = Math.min(one.length, other.length);
  let at = 0;
  while (at < end && one.charCodeAt(at) === other.charCodeAt(at)) at++;
  return at;
}

/** Goes on behind each place where the label of a child stands. */
function visitTexts<T>(
  open: Visit<T>[],
  texts: ReadonlyMap<number, TrieNode<T>>,
  { topic, reached }: { readonly topic: string; readonly reached: readonly number[] },
): void {
  const places = new Map<TrieNode<T>, number[]>();
  for (const at of reached) {
    const child = texts.get(topic.charCodeAt(at));
    if (child === undefined || !topic.startsWith(child.label, at)) continue;
    const known = places.get(child);
    if (known === undefined) places.set(child, [at + child.label.length]);
    else known.push(at + child.label.length);
  }
  for (const [node, reached] of places) open.push({ node, reached });
}

function visitWildcard<T>(open: Visit<T>[], node: TrieNode<T>, reached: readonly number[]): void {
  if (reached.length > 0) open.push({ node, reached });
}

/** Where `*` can end that starts at one of the places: behind one or more characters of the level. */
function afterStar(topic: string, reached: readonly number[], isVerbatim: boolean): number[] {
  const places: number[] = [];
  let covered = -1;
  for (const from of reached) {
    // Another start in the same run of characters: its ends are known.
    if (from <= covered) continue;
    const end = endOfStar(topic, from, isVerbatim);
    for (let place = from + 1; place <= end; place++) places.push(place);
    covered = end;
  }
  return places;
}

function endOfStar(topic: string, from: number, isVerbatim: boolean): number {
  let end = from;
  while (end < topic.length) {
    const code = topic.charCodeAt(end);
    if (code === LEVEL_END || (isVerbatim && code === VERBATIM)) break;
    end++;
  }
  return end;
}

/** Where `**` can end that starts at one of the places: there, and anywhere up to the next `@`. */
function afterDoubleStar(
  topic: string,
  reached: readonly number[],
  isVerbatim: boolean,
): number[] {
  const places: number[] = [];
  let covered = -1;
  for (const from of reached) {
    if (from <= covered) continue;
    const verbatim = isVerbatim ? topic.indexOf(VERBATIM_TEXT, from) : -1;
    const end = verbatim === -1 ? topic.length : verbatim;
    for (let place = from; place <= end; place++) places.push(place);
    covered = end;
  }
  return places;
}
