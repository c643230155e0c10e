import type { ExposeOptions, Handler, HandlerContext, NodeHandle } from "../peer/api.ts";
import { type Clock, SYSTEM_CLOCK } from "../util/clock.ts";
import { errorText } from "../util/error_text.ts";
import { type Logger, SILENT } from "../util/log.ts";
import { CodeShelf } from "./code_shelf.ts";
import {
  CALL_MS,
  CALLS_MAX,
  MEMORY_BYTES,
  MEMORY_EXTRA_BYTES,
  START_WAIT_MS_MAX,
} from "./limits.ts";
import { checkCodeName, CODE_KINDS, type CodeKind, codeTopics } from "./names.ts";
import { codeCommand, type CodePermissions, type CodeProcess, spawnCode } from "./process.ts";

/** Somebody changed what code a node runs, or tried to. */
export interface CodeChange {
  /** The service that was called, such as `deno_service_install`. */
  readonly action: string;
  /** Name of who called it; `null` where the broker did not tell. */
  readonly by: string | null;
  readonly kind: CodeKind;
  /** Name of the code; `null` for one that is none. */
  readonly name: string | null;
  /** Why it was refused, or failed; `null` when it was done. */
  readonly reason: string | null;
}

/** How code is distributed to a node. */
export interface CodeOptions {
  /** Directory that installed code is kept in: `services/<name>/<tag>.ts` and `subscribers/<name>/<tag>.ts`. */
  readonly dir: string;
  /** What code may use. @default {nothing} */
  readonly permissions?: CodePermissions;
  /** Time for one call, in milliseconds. Code that takes longer is ended and started again. @default {10_000} */
  readonly callMs?: number;
  /** Calls of one service that are under way; more are refused. @default {100} */
  readonly callsMax?: number;
  /** Heap of each child, in bytes. @default {134_217_728} */
  readonly memoryBytes?: number;
  /** Silent without one. What code prints goes there, too. */
  readonly logger?: Logger;
  /**
   * Whether who calls may be believed to be allowed to: asked at each call of the services that distribute
   * code. A broker decides that before; a component depends on what its broker checks. @default {always}
   */
  readonly isTrusted?: () => boolean;
  /** Adds a service that distributes code, and is not announced on a component. @default {expose} */
  readonly addService?: (
    topic: string,
    handler: Handler,
    options: ExposeOptions,
  ) => void | Promise<void>;
  /** Told of each change, for the audit trail. @default {nobody} */
  readonly onChange?: (change: CodeChange) => void;
  /** Whether the node has a service or subscriber of that name already that code must not replace. @default {no} */
  readonly isTaken?: (kind: CodeKind, name: string) => boolean;
  /** @default {SYSTEM_CLOCK} */
  readonly clock?: Clock;
  /** Starts a child; replaced in tests. */
  readonly spawn?: () => CodeProcess;
}

/**
 * Offers the services by which code is installed, removed and listed on a node (spec 6.7), and runs what is
 * installed, each in a child process without permissions (D31). Whoever may call them may run code there:
 * they are for admins.
 *
 * Resolves when what was installed before runs, or was found to be bad, or needs too long. Rejects with
 * `RembusError` when no process may be started. The result stops the children, and takes the services back
 * while the node is open.
 */
export async function installCode(
  node: NodeHandle,
  options: CodeOptions,
): Promise<AsyncDisposable> {
  const { clock = SYSTEM_CLOCK } = options;
  const shelves = openShelves(node, options);
  await using undo = new AsyncDisposableStack();
  for (const shelf of shelves) undo.use(shelf);
  const loading = Promise.all(shelves.map((shelf) => shelf.load()));
  const waited = Promise.withResolvers<void>();
  const timer = clock.setTimer(waited.resolve, START_WAIT_MS_MAX);
  await Promise.race([loading, waited.promise]);
  timer.cancel();
  for (const shelf of shelves) await offer(node, shelf, options);
  const running = undo.move();
  return {
    async [Symbol.asyncDispose](): Promise<void> {
      await running.disposeAsync();
      if (!node.isOpen) return;
      await withdraw(node).catch((error) => options.logger?.warn("code not taken back", { error }));
    },
  };
}

function openShelves(node: NodeHandle, options: CodeOptions): CodeShelf[] {
  const {
    dir,
    permissions = {},
    memoryBytes = MEMORY_BYTES,
    callMs = CALL_MS,
    callsMax = CALLS_MAX,
    logger = SILENT,
    clock = SYSTEM_CLOCK,
    isTaken = () => false,
  } = options;
  positive({ callMs, callsMax, memoryBytes });
  const start = (): () => CodeProcess => {
    const command = codeCommand({ permissions, memoryBytes });
    return () => spawnCode(command);
  };
  const spawn = options.spawn ?? start();
  const rssMax = memoryBytes + MEMORY_EXTRA_BYTES;
  return CODE_KINDS.map((kind) =>
    new CodeShelf({ node, kind, dir, spawn, clock, logger, callMs, callsMax, rssMax, isTaken })
  );
}

async function offer(node: NodeHandle, shelf: CodeShelf, options: CodeOptions): Promise<void> {
  const { addService = (topic, handler, given) => node.expose(topic, handler, given) } = options;
  const { kind } = shelf;
  const { install, uninstall, list } = codeTopics(kind);
  const services: [string, Service][] = [
    [
      install,
      (request, by) =>
        noted(
          options,
          { action: install, by, kind, subject: request },
          () => shelf.install(request),
        ),
    ],
    [
      uninstall,
      (name, by) =>
        noted(options, { action: uninstall, by, kind, subject: name }, () => shelf.uninstall(name)),
    ],
    [list, (withBody) => shelf.list(withBody)],
  ];
  for (const [topic, service] of services) {
    await addService(topic, guarded(service, options), { context: true });
  }
}

/** Answers one of the services: its argument, and who called. */
type Service = (argument: unknown, by: string | null) => unknown;

function guarded(service: Service, { isTrusted = () => true }: CodeOptions): Handler {
  return (...given: readonly unknown[]) => {
    if (!isTrusted()) {
      throw new TypeError(
        "Cannot distribute code: expected a broker that lets only admins do so, got another one",
      );
    }
    // The context comes last, behind whatever arguments there are.
    const { from } = given.at(-1) as HandlerContext;
    return service(given.length > 1 ? given[0] : undefined, from);
  };
}

interface Change {
  readonly action: string;
  readonly by: string | null;
  readonly kind: CodeKind;
  /** What was asked for: a name, or a map that has one. */
  readonly subject: unknown;
}

async function noted(
  { onChange = () => {} }: CodeOptions,
  { subject, ...change }: Change,
  work: () => Promise<null>,
): Promise<null> {
  const name = nameIn(subject);
  try {
    const answer = await work();
    onChange({ ...change, name, reason: null });
    return answer;
  } catch (error) {
    onChange({ ...change, name, reason: errorText(error) });
    throw error;
  }
}

/** A name that may be logged. */
function nameIn(subject: unknown): string | null {
  const name = typeof subject === "object" && subject !== null && "name" in subject
    ? subject.name
    : subject;
  return typeof name === "string" && checkCodeName(name) === null ? name : null;
}

async function withdraw(node: NodeHandle): Promise<void> {
  for (const kind of CODE_KINDS) {
    for (const topic of Object.values(codeTopics(kind))) await node.unexpose(topic);
  }
}

function positive(values: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(values)) {
    if (value > 0 && Number.isFinite(value)) continue;
    throw new RangeError(
      `Cannot distribute code as "${name}" must be > 0: current value is ${value}`,
    );
  }
}
