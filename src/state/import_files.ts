import { errorText } from "../util/error_text.ts";
import { checkName } from "../protocol/name.ts";
import type { ImportItem } from "./import_report.ts";
import { Tally } from "./import_tally.ts";

/** A directory with the files of one broker, there and here. */
export interface FilePlan {
  readonly from: string;
  readonly to: string;
  /** Told of each file that is made, also of one that is not whole. */
  readonly creates: (path: string) => void;
}

const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
/** `<cid>.<rsa|ecdsa>.<pem|der>` (spec 4.3). */
const KEY_NAME = /^(.+)\.(?:rsa|ecdsa)\.(?:pem|der)$/;
/** A public key is small. Exceeded: the file is left. */
const KEY_BYTES_MAX = 64 * 1024;
const THERE = "are there already";

/** Copies the public keys of components. Those of names with `/` are in directories below. */
export async function copyKeys(plan: FilePlan): Promise<ImportItem> {
  const tally = new Tally("keys");
  await copyKeysIn(plan, "", tally);
  return tally.item();
}

async function copyKeysIn(plan: FilePlan, below: string, tally: Tally): Promise<void> {
  for (const { name, isDirectory, isFile } of await entriesOf(`${plan.from}/keys/${below}`)) {
    const path = `${below}${name}`;
    if (isDirectory) {
      await copyKeysIn(plan, `${path}/`, tally);
      continue;
    }
    const cid = KEY_NAME.exec(path)?.[1];
    const isKey = isFile && cid !== undefined && checkName(cid) === null;
    if (!isKey) tally.skip("are no public key of a component");
    else await copyKey(plan, `keys/${path}`, tally);
  }
}

async function copyKey(plan: FilePlan, path: string, tally: Tally): Promise<void> {
  const { size } = await Deno.stat(`${plan.from}/${path}`);
  if (size > KEY_BYTES_MAX) tally.skip(`are larger than ${KEY_BYTES_MAX} bytes`);
  else if (await copyNew(plan, path)) tally.take();
  else tally.skip(THERE);
}

/** Copies the settings when there are none yet, and they can be read. */
export async function copySettings(plan: FilePlan): Promise<ImportItem> {
  const tally = new Tally("settings");
  const path = "settings.json";
  let text: string;
  try {
    text = await Deno.readTextFile(`${plan.from}/${path}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return tally.item();
    throw error;
  }
  try {
    JSON.parse(text);
  } catch (error) {
    // The broker would not start with them.
    tally.skip(`are no JSON: ${errorText(error)}`);
    return tally.item();
  }
  if (await copyNew(plan, path)) tally.take();
  else tally.skip(THERE);
  return tally.item();
}

/** Copies a file; `false` when there is one of that name. */
async function copyNew({ from, to, creates }: FilePlan, path: string): Promise<boolean> {
  const target = `${to}/${path}`;
  await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), {
    recursive: true,
    mode: DIRECTORY_MODE,
  });
  const bytes = await Deno.readFile(`${from}/${path}`);
  try {
    await Deno.writeFile(target, bytes, { createNew: true, mode: FILE_MODE });
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    creates(target);
    throw error;
  }
  creates(target);
  return true;
}

async function entriesOf(directory: string): Promise<Deno.DirEntry[]> {
  try {
    return await Array.fromAsync(Deno.readDir(directory));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
