import type { Broker } from "../broker/broker.ts";
import { insidesOf } from "../client/node.ts";
import type { CodeChange } from "../code/code_host.ts";
import type { Component } from "../peer/api.ts";
import type { Storage } from "../store/open_storage.ts";
import type { Logger } from "../util/log.ts";
import type { Settings } from "./settings.ts";

/** What installed code works with. */
export interface CodeParts {
  readonly settings: Pick<Settings, "dir" | "name">;
  readonly logger: Logger;
  /** Where changes are noted; `null` when the broker keeps nothing. */
  readonly storage: Pick<Storage, "audit"> | null;
}

/**
 * Runs the code that admins installed on a broker, and lets them install more (spec 6.7); it is kept in
 * `<dir>/<name>/src`. The result stops all of it.
 *
 * @throws {TypeError} When no directory is known.
 * @throws {RembusError} When no process may be started.
 */
export async function openCode(
  broker: Pick<Broker, "handle" | "isTaken">,
  { settings: { dir, name }, logger, storage }: CodeParts,
): Promise<AsyncDisposable> {
  if (dir === null) {
    throw new TypeError(
      'Cannot keep installed code: expected a directory, got none; set "dir" (--dir, REMBUS_DIR)',
    );
  }
  // Only who allows it loads what it needs.
  const { installCode } = await import("../code/code_host.ts");
  return await installCode(broker.handle, {
    dir: `${dir}/${name}/src`,
    logger,
    isTaken: (kind, name) => broker.isTaken(kind, name),
    onChange: (change) => storage?.audit(entryOf(change)),
  });
}

function entryOf({ action, by, name, reason }: CodeChange): Parameters<Storage["audit"]>[0] {
  return {
    timeMs: Date.now(),
    by: by ?? "",
    remote: "",
    action,
    subject: name,
    cid: null,
    outcome: reason === null ? "done" : "refused",
    reason,
  };
}

/**
 * The same for a component that opted in: its services are reached with `direct`, and only through brokers that judge
 * who calls them. Ends with the component.
 */
export async function openComponentCode(
  component: Component,
  { dir, logger }: { readonly dir: string; readonly logger: Logger },
): Promise<void> {
  const { installCode } = await import("../code/code_host.ts");
  const { addService, isTaken, isJudged } = insidesOf(component);
  const code = await installCode(component, {
    dir,
    logger,
    addService,
    isTaken,
    isTrusted: isJudged,
  });
  component.wait().finally(() => code[Symbol.asyncDispose]())
    .catch((error) => logger.warn("code not stopped", { error }));
}
