import { errorText } from "../util/error_text.ts";
import type { Host } from "./host.ts";
import { isGranted } from "./permissions.ts";

/** The variable that names the file with the authorities that a component trusts (spec 4.5). */
export const CA_BUNDLE_VARIABLE = "HTTP_CA_BUNDLE";

const PEM_CERTIFICATE = "-----BEGIN CERTIFICATE-----";

/**
 * The authorities that a component trusts, in PEM, besides those that the runtime knows: the file that
 * `HTTP_CA_BUNDLE` names, else the only file in `<dir>/ca`. None when there is neither.
 *
 * Rejects with an error that says what to do when the file is missing, may not be read or holds no certificate,
 * and when the directory has several files.
 */
export async function readCaBundle(host: Host, dir: string | null): Promise<readonly string[]> {
  const named = host.env(CA_BUNDLE_VARIABLE);
  if (named !== undefined) return [await readBundle(host, named, ` (${CA_BUNDLE_VARIABLE})`)];
  const path = dir === null ? null : await onlyFile(`${dir}/ca`);
  return path === null ? [] : [await readBundle(host, path, "")];
}

async function readBundle(host: Host, path: string, from: string): Promise<string> {
  let text: string | null;
  try {
    text = await host.readText(path);
  } catch (error) {
    throw new Error(
      `Cannot read CA bundle "${path}"${from}: expected a file, got ${errorText(error)}`,
      { cause: error },
    );
  }
  const got = text === null ? "none, or no permission to read it (--allow-read)" : "another text";
  if (text === null || !text.includes(PEM_CERTIFICATE)) {
    throw new Error(
      `Cannot read CA bundle "${path}"${from}: expected a file of certificates in PEM, got ${got}`,
    );
  }
  return text;
}

/** The file of a directory; `null` when there is none, or none that may be seen. */
async function onlyFile(directory: string): Promise<string | null> {
  if (!isGranted({ name: "read", path: directory })) return null;
  const names: string[] = [];
  try {
    for await (const { name, isDirectory } of Deno.readDir(directory)) {
      // What begins with a dot is left behind by other programs.
      if (!isDirectory && !name.startsWith(".")) names.push(name);
    }
  } catch (error) {
    const isMissing = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory;
    if (isMissing) return null;
    throw error;
  }
  const [name, ...more] = names.sort();
  if (more.length > 0) {
    throw new Error(
      `CA bundle not found: expected one file in "${directory}", got ${names.length}; ` +
        `leave one of them there, or name the file by ${CA_BUNDLE_VARIABLE}`,
    );
  }
  return name === undefined ? null : `${directory}/${name}`;
}
