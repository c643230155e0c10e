import { SpaceTrie } from "../protocol/space_trie.ts";

/** Whether messages on some topics are kept (D24). */
export interface LogRule {
  /** A topic, or a pattern with `*` and `**` as in a subscription. */
  readonly topic: string;
  /** Whether they are logged; those that are not fill no tables, and nobody gets them later. */
  readonly log: boolean;
}

/** Topics whose answer is kept at hand. Exceeded: all are worked out anew. */
const TOPICS_KEPT_MAX = 10_000;

/** Whether a topic is logged: what the first rule that fits says, else yes. */
export function logRules(rules: readonly LogRule[]): (topic: string) => boolean {
  if (rules.length === 0) return () => true;
  const trie = new SpaceTrie<LogRule>();
  for (const rule of rules) trie.add(rule.topic, rule);
  return remembering((topic) => {
    const [first] = trie.match(topic)[0]?.values ?? [];
    return first?.log ?? true;
  });
}

/** A question about topics whose answers are remembered: the same few topics come again and again. */
export function remembering(ask: (topic: string) => boolean): (topic: string) => boolean {
  const known = new Map<string, boolean>();
  return (topic) => {
    const before = known.get(topic);
    if (before !== undefined) return before;
    if (known.size >= TOPICS_KEPT_MAX) known.clear();
    const answer = ask(topic);
    known.set(topic, answer);
    return answer;
  };
}
