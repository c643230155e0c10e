import type { BrokerTable } from "./options.ts";

const LEVEL_SEPARATOR = "/";
const VARIABLE_PREFIX = ":";
const SLASH = 0x2f;
/** Parts of a rule: wildcards, taken from the left, and single UTF-16 units between them. */
const PARTS = /\*\*|\*|[^]/g;

/** A set of UTF-16 units: one of them, or all but some. */
type Units = { readonly only: number } | { readonly except: readonly number[] };

/** A step of a pattern: one unit of a set, or any number of them. */
interface Step {
  readonly units: Units;
  readonly isRepeated: boolean;
}

/** What a topic variable stands for. */
const OF_LEVEL: Units = { except: [SLASH] };
/** What `*` covers: a rule makes levels with `@` private as well, though no space delivers them (spec 5.6). */
const OF_STAR: Units = { except: [SLASH] };
/** What `**` covers. */
const OF_DOUBLE_STAR: Units = { except: [] };

/**
 * Whether some topic both fills a table with this topic and is covered by a private rule, a topic or a
 * pattern (spec 5.6). A level of the topic that starts with `:` stands for any level that is not empty.
 */
export function overlaps(tableTopic: string, rule: string): boolean {
  return intersect(stepsOfTable(tableTopic), stepsOfRule(rule));
}

/** Whether a private rule covers any topic that can fill a table; its own name is one of them (spec 8.4). */
export function ruleTouchesTable({ name, topic }: BrokerTable, rule: string): boolean {
  return overlaps(topic, rule) || intersect(literal(name), stepsOfRule(rule));
}

function stepsOfTable(topic: string): Step[] {
  const steps: Step[] = [];
  for (const [i, level] of topic.split(LEVEL_SEPARATOR).entries()) {
    if (i > 0) steps.push(...literal(LEVEL_SEPARATOR));
    steps.push(...(isVariable(level) ? oneOrMore(OF_LEVEL) : literal(level)));
  }
  return steps;
}

/** A lone `:` is a level like any other. */
function isVariable(level: string): boolean {
  return level.startsWith(VARIABLE_PREFIX) && level !== VARIABLE_PREFIX;
}

function stepsOfRule(rule: string): Step[] {
  return [...rule.matchAll(PARTS)].flatMap(([part]) => {
    if (part === "**") return [{ units: OF_DOUBLE_STAR, isRepeated: true }];
    return part === "*" ? oneOrMore(OF_STAR) : literal(part);
  });
}

function oneOrMore(units: Units): Step[] {
  return [{ units, isRepeated: false }, { units, isRepeated: true }];
}

function literal(text: string): Step[] {
  const steps: Step[] = [];
  for (let at = 0; at < text.length; at++) {
    steps.push({ units: { only: text.charCodeAt(at) }, isRepeated: false });
  }
  return steps;
}

/**
 * Whether two patterns have a text in common. Row by row: at which places of the second pattern one can be
 * when the first one is at `i`, with the same text behind both.
 */
function intersect(first: readonly Step[], second: readonly Step[]): boolean {
  let here = new Uint8Array(second.length + 1);
  here[0] = 1;
  for (let i = 0; i < first.length; i++) {
    const next = new Uint8Array(second.length + 1);
    const step = first[i];
    // A place only leads to later ones, so that one pass over the row is enough.
    for (let j = 0; j <= second.length; j++) {
      if (here[j] !== 1) continue;
      const other = second[j];
      if (step?.isRepeated) next[j] = 1;
      if (other?.isRepeated) here[j + 1] = 1;
      if (step === undefined || other === undefined || !meet(step.units, other.units)) continue;
      const row = step.isRepeated ? here : next;
      row[other.isRepeated ? j : j + 1] = 1;
    }
    here = next;
  }
  for (let j = 0; j < second.length; j++) {
    if (here[j] === 1 && second[j]?.isRepeated) here[j + 1] = 1;
  }
  return here[second.length] === 1;
}

/** Whether two sets have a unit in common; two that only leave some out always have. */
function meet(one: Units, other: Units): boolean {
  if ("only" in one) return has(other, one.only);
  return "only" in other ? has(one, other.only) : true;
}

function has(units: Units, unit: number): boolean {
  return "only" in units ? units.only === unit : !units.except.includes(unit);
}
