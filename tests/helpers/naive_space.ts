/**
 * Whether a topic matches a pattern, straight from the rules of spec 5.6: parts from the left, every
 * length a wildcard may have is tried. Slow on purpose, so that nothing can be clever and wrong.
 */
export function matchesSpace(pattern: string, topic: string): boolean {
  if (pattern === "") return topic === "";
  if (pattern.startsWith("**")) return matchesAfter(pattern.slice(2), topic, /^[^@]*/, 0);
  if (pattern.startsWith("*")) return matchesAfter(pattern.slice(1), topic, /^[^@/]*/, 1);
  return pattern[0] === topic[0] && matchesSpace(pattern.slice(1), topic.slice(1));
}

function matchesAfter(rest: string, topic: string, wild: RegExp, least: number): boolean {
  const most = wild.exec(topic)?.[0].length ?? 0;
  for (let length = least; length <= most; length++) {
    if (matchesSpace(rest, topic.slice(length))) return true;
  }
  return false;
}
