import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

/** The `file:` URL of a path, relative ones from the working directory (needs read permission). */
export function fileUrl(path: string): URL {
  return pathToFileURL(resolve(path));
}
