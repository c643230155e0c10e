/** One level of the topic of a table: a text to be equal to, or a variable to be filled. */
export interface TopicLevel {
  /** The text of a fixed level; the whole level, with its colon, for a variable. */
  readonly text: string;
  /** Name of the variable, or `null` for a fixed level. */
  readonly variable: string | null;
}

/** The levels of the topic of a table, such as `:dn/telemetry`. */
export function parsePattern(topic: string): TopicLevel[] {
  return topic.split("/").map((text) => ({
    text,
    variable: text.startsWith(":") && text.length > 1 ? text.slice(1) : null,
  }));
}
