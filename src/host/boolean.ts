const WORDS: ReadonlyMap<string, boolean> = new Map([
  ["1", true],
  ["true", true],
  ["yes", true],
  ["on", true],
  ["0", false],
  ["false", false],
  ["no", false],
  ["off", false],
]);

/** What {@link parseBoolean} understands, for error messages. */
export const BOOLEAN_WORDS = "1, true, yes, on, 0, false, no or off";

/**
 * Reads a boolean as environment variables have it: upper and lower case and blanks around it do
 * not matter (spec 9, acceptance 7). `undefined` for any other text: the caller refuses it, since
 * a typing error must not become a silent `false`.
 */
export function parseBoolean(text: string): boolean | undefined {
  return WORDS.get(text.trim().toLowerCase());
}
