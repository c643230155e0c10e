import { readKey } from "../broker/proofs.ts";
import type { StoredKey } from "../broker/keys.ts";
import type { Settings } from "../node/settings.ts";
import { RembusError, Status } from "../protocol/errors.ts";
import { type OfflineState, openOffline } from "../store/offline_state.ts";
import { errorText } from "../util/error_text.ts";
import type { Logger } from "../util/log.ts";
import type { AdminCommand, AdminDoor } from "./admin_door.ts";
import { CommandError } from "./exit.ts";

/** Who did it, in the audit trail: whoever may write the files. */
const BY = "(local)";

/** What a command does to the files; gives the answer that a broker gives. */
type Work = (state: OfflineState, command: LocalCommand) => Promise<unknown>;

interface LocalCommand {
  readonly cmd: string;
  readonly topic: string;
  readonly args: Readonly<Record<string, unknown>>;
}

interface Job {
  /** Whether it changes anything, so that it is noted in the audit trail. */
  readonly isNoted: boolean;
  readonly work: Work;
}

/** `cmd` -> what it does. */
const JOBS: ReadonlyMap<string, Job> = new Map([
  telling("list_users", listUsers),
  changing("add_user", addUser),
  changing("remove_user", removeUser),
  telling("list_admins", (state) => Promise.resolve([...state.admins].sort())),
  changing("add_admin", (state, command) => setAdmins(state, [...state.admins, cidOf(command)])),
  changing("remove_admin", removeAdmin),
  telling(
    "list_tenants",
    (state) => Promise.resolve(state.tenants.map(({ tenant }) => tenant).sort()),
  ),
  changing("put_tenant", putTenant),
  changing("remove_tenant", removeTenant),
  telling("private_topics_config", listPrivate),
  changing("private_topic", (state, { topic }) => setNames(state, topic, namesOf(state, topic))),
  changing("public_topic", (state, { topic }) => state.put({ kind: "public", topic })),
  changing("authorize", (state, command) => {
    const { topic } = command;
    return setNames(state, topic, [...namesOf(state, topic), cidOf(command)]);
  }),
  changing("unauthorize", unauthorize),
]);

/**
 * Opens the files of a broker that does not run, with the same commands as one that does. It cannot start meanwhile.
 * Rejects with `RembusError` when it runs, and when its files cannot be used.
 */
export async function openLocalDoor(
  { dir, name }: Pick<Settings, "dir" | "name">,
  logger: Logger,
): Promise<AdminDoor> {
  if (dir === null) {
    throw new CommandError(
      "Cannot find the files of the broker: expected a directory, got none; say --dir or set " +
        "REMBUS_DIR",
    );
  }
  const state = await openOffline({ dir, name, logger });
  return {
    run: ({ cmd, topic = "", args = {} }: AdminCommand) => run(state, { cmd, topic, args }),
    [Symbol.asyncDispose]: () => state.close(),
  };
}

async function run(state: OfflineState, command: LocalCommand): Promise<unknown> {
  const found = JOBS.get(command.cmd);
  if (found === undefined) {
    throw new CommandError(`Cannot run "${command.cmd}": only a broker that runs can do that`);
  }
  const { isNoted, work } = found;
  try {
    const answer = await work(state, command);
    if (isNoted) note(state, command, null);
    return answer;
  } catch (error) {
    if (isNoted) note(state, command, error);
    throw error;
  }
}

function note(state: OfflineState, { cmd, topic, args }: LocalCommand, error: unknown): void {
  const isRefused = error instanceof RembusError;
  state.audit({
    timeMs: Date.now(),
    by: BY,
    remote: BY,
    action: cmd,
    subject: textOf(args["tenant"]) ?? (topic === "" ? null : topic),
    cid: textOf(args["cid"]),
    outcome: error === null ? "done" : isRefused ? "refused" : "failed",
    reason: error === null ? null : errorText(error),
  });
}

async function listUsers({ keys, admins }: OfflineState): Promise<unknown> {
  const names = [...new Set([...keys.names(), ...admins])].sort();
  return await Promise.all(names.map(async (name) => ({
    name,
    kind: await kindOf(() => keys.get(name)),
    admin: admins.includes(name),
    connected: false,
  })));
}

async function kindOf(read: () => Promise<StoredKey | null>): Promise<string | null> {
  try {
    return (await read())?.kind ?? null;
  } catch {
    // A key that cannot be read is there all the same: the list must say so, not fail.
    return "unreadable";
  }
}

async function addUser({ keys }: OfflineState, command: LocalCommand): Promise<unknown> {
  const cid = cidOf(command);
  const { key, secret } = command.args;
  const stored: StoredKey = key instanceof Uint8Array
    ? await readKey(key)
    : { kind: "secret", bytes: new TextEncoder().encode(String(secret)) };
  if (await keys.put(cid, stored)) return null;
  throw new RembusError(Status.NAME_ALREADY_TAKEN, `Cannot add user "${cid}": it is registered`);
}

async function removeUser({ keys }: OfflineState, command: LocalCommand): Promise<unknown> {
  const cid = cidOf(command);
  if (await keys.remove(cid)) return null;
  throw refusal(`Cannot remove user "${cid}": expected a registered name`);
}

function removeAdmin(state: OfflineState, command: LocalCommand): Promise<unknown> {
  const cid = cidOf(command);
  if (state.admins.includes(cid)) {
    return setAdmins(
      state,
      state.admins.filter((one) => one !== cid),
    );
  }
  return Promise.reject(refusal(`Cannot remove admin "${cid}": it is none of those in the files`));
}

function setAdmins(state: OfflineState, names: readonly string[]): Promise<void> {
  return state.put({ kind: "admins", names: [...new Set(names)] });
}

function putTenant(state: OfflineState, { args }: LocalCommand): Promise<void> {
  const tenant = String(args["tenant"]);
  const others = state.tenants.filter((one) => one.tenant !== tenant);
  const added = { tenant, secret: String(args["pin"]) };
  return state.put({ kind: "tenants", tenants: [...others, added] });
}

function removeTenant(state: OfflineState, { args }: LocalCommand): Promise<unknown> {
  const { tenant } = args;
  const others = state.tenants.filter((one) => one.tenant !== tenant);
  if (others.length < state.tenants.length) return state.put({ kind: "tenants", tenants: others });
  return Promise.reject(
    refusal(`Cannot remove tenant "${tenant}": it is none of those in the files`),
  );
}

function listPrivate({ privateTopics }: OfflineState): Promise<unknown> {
  return Promise.resolve(
    Object.fromEntries(privateTopics.map(({ topic, names }) => [topic, names])),
  );
}

/** Nothing happens on a public topic, as at a broker. */
function unauthorize(state: OfflineState, command: LocalCommand): Promise<unknown> {
  const { topic } = command;
  if (!state.privateTopics.some((one) => one.topic === topic)) return Promise.resolve(null);
  const cid = cidOf(command);
  return setNames(state, topic, namesOf(state, topic).filter((name) => name !== cid));
}

function namesOf({ privateTopics }: OfflineState, topic: string): readonly string[] {
  return privateTopics.find((one) => one.topic === topic)?.names ?? [];
}

function setNames(state: OfflineState, topic: string, names: readonly string[]): Promise<void> {
  return state.put({ kind: "private", topic, names: [...new Set(names)] });
}

function cidOf({ args }: LocalCommand): string {
  return String(args["cid"]);
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

function refusal(text: string): RembusError {
  return new RembusError(Status.ERROR, text);
}

function telling(cmd: string, work: Work): [string, Job] {
  return [cmd, { isNoted: false, work }];
}

function changing(cmd: string, work: Work): [string, Job] {
  return [cmd, { isNoted: true, work }];
}
