import type { Host } from "./host.ts";
import { errorText } from "../util/error_text.ts";

/** What `settings.json` of a node holds. */
export interface SettingsFile {
  /** Where it is, or would be. */
  readonly path: string;
  /** Field -> value as JSON has it. Empty when there is no file. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * Reads a settings file. No file, or no permission to read it, is an empty one. Rejects with an
 * `Error` that names the file when it is not a JSON object or cannot be read (acceptance 27).
 */
export async function readSettingsFile(host: Host, path: string): Promise<SettingsFile> {
  let text: string | null;
  try {
    text = await host.readText(path);
  } catch (error) {
    const reason = errorText(error);
    throw new Error(`Cannot read settings "${path}": ${reason}`, { cause: error });
  }
  if (text === null) return { path, fields: {} };
  return { path, fields: parseSettings(path, text) };
}

function parseSettings(path: string, text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = errorText(error);
    throw new Error(`Cannot read settings "${path}": expected JSON, got ${reason}`, {
      cause: error,
    });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const got = value === null ? "null" : Array.isArray(value) ? "an array" : typeof value;
    throw new Error(`Cannot read settings "${path}": expected a JSON object, got ${got}`);
  }
  // A copy without prototype, so that a field named like a method of objects is nothing special.
  return Object.assign(Object.create(null), value);
}
