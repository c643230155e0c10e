import type { NodeHandle } from "../peer/api.ts";
import { CODE_KINDS, type CodeKind, codeTopics, TAG_DEFAULT } from "./names.ts";
import type { ListedCode } from "./code_shelf.ts";

export type { CodeKind } from "./names.ts";
export type { ListedCode } from "./code_shelf.ts";

/** Where code goes. */
export interface DistributeOptions {
  /** Name of a component that lets code be distributed to it. @default {the broker} */
  readonly target?: string;
}

/** What to install from a file. */
export interface InstallFileOptions extends DistributeOptions {
  /** A TypeScript or JavaScript module. */
  readonly path: string;
  /** Name of the service or topic. @default {name of the file without its extension} */
  readonly name?: string;
  /** Name of this version; it replaces any other. @default {"main"} */
  readonly tag?: string;
}

/** Kinds that are none are accepted: lists of them are empty. */
export type AnyCodeKind = CodeKind | (string & Record<never, never>);

/**
 * Installs the module in a file as a service or subscriber. Rejects with `Deno.errors.NotFound` when there is no
 * such file, `TypeError` for an unknown kind, and `MethodExceptionError` when the code is refused.
 */
export async function installFile(
  node: NodeHandle,
  kind: AnyCodeKind,
  { path, name, tag = TAG_DEFAULT, target }: InstallFileOptions,
): Promise<void> {
  if (!isKind(kind)) {
    throw new TypeError(`Cannot install "${path}": expected service or subscriber, got "${kind}"`);
  }
  const content = await Deno.readTextFile(path);
  const stem = path.split(/[\\/]/).at(-1)?.replace(/\.[^.]*$/, "") ?? "";
  const request = { name: name ?? stem, content, tag };
  await call(node, { topic: codeTopics(kind).install, target }, request);
}

/** Removes code by its name; an unknown name, and an unknown kind, change nothing. */
export async function uninstallCode(
  node: NodeHandle,
  kind: AnyCodeKind,
  { name, target }: DistributeOptions & { readonly name: string },
): Promise<void> {
  if (isKind(kind)) await call(node, { topic: codeTopics(kind).uninstall, target }, name);
}

/** What is installed; of an unknown kind, nothing. */
export async function listCode(
  node: NodeHandle,
  kind: AnyCodeKind,
  { withBody = false, target }: DistributeOptions & { readonly withBody?: boolean } = {},
): Promise<ListedCode[]> {
  if (!isKind(kind)) return [];
  const list = await call(node, { topic: codeTopics(kind).list, target }, withBody);
  return Array.isArray(list) ? list as ListedCode[] : [];
}

function isKind(kind: string): kind is CodeKind {
  return (CODE_KINDS as readonly string[]).includes(kind);
}

function call(
  node: NodeHandle,
  { topic, target }: { readonly topic: string; readonly target: string | undefined },
  argument: unknown,
): Promise<unknown> {
  return target === undefined ? node.rpc(topic, argument) : node.direct(target, topic, argument);
}
