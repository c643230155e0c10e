import { fromBase64 } from "../protocol/base64.ts";
import { RembusError, Status } from "../protocol/errors.ts";
import { checkName, checkTenant } from "../protocol/name.ts";
import { checkTopic } from "../protocol/topic.ts";
import { errorText } from "../util/error_text.ts";
import type { Access } from "./access.ts";
import type { AdminAnswer, Commander } from "./admin_answer.ts";
import type { Admins } from "./admins.ts";
import { ASKED_ACTIONS, type AskedAction, explain } from "./explain.ts";
import type { Exposers } from "./exposers.ts";
import type { StoredKey } from "./keys.ts";
import { KEY_BYTES_MAX } from "./limits.ts";
import type { ResolvedBrokerOptions } from "./options.ts";
import { readKey } from "./proofs.ts";
import type { Registry } from "./registry.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** Topic of commands that are about no topic. */
const CONFIG_TOPIC = "__config__";

/** What the commands of admins work on. */
export interface RuleParts {
  readonly options: ResolvedBrokerOptions;
  readonly access: Access;
  readonly admins: Admins;
  readonly exposers: Exposers;
  readonly registry: Registry;
  readonly subscriptions: Subscriptions;
  /** Whether the broker itself answers a service. */
  readonly isOwnService: (topic: string) => boolean;
}

type Fields = Readonly<Record<string, unknown>>;
type Answering = AdminAnswer | Promise<AdminAnswer>;

/** A command: what it does, and whether it changes anything, so that it is noted. */
interface Rule {
  readonly isNoted: boolean;
  readonly run: (topic: string, data: Fields) => Answering;
}

const OK: AdminAnswer = { status: Status.OK, data: null };
const STORED: AdminAnswer = { ...OK, isStored: true };

/**
 * The commands of admins (spec 7; rembus-jl 6.10): who may use what, users, tenants, admins, and the broker itself.
 * Each change is durable before it is answered, and noted in the audit trail, refusals too.
 */
export class RuleCommands {
  readonly #parts: RuleParts;
  /** `cmd` -> what it does. */
  readonly #rules: ReadonlyMap<string, Rule>;

  constructor(parts: RuleParts) {
    this.#parts = parts;
    const changing = (run: Rule["run"]): Rule => ({ isNoted: true, run });
    const telling = (run: Rule["run"]): Rule => ({ isNoted: false, run });
    this.#rules = new Map<string, Rule>([
      ["private_topic", changing((topic) => this.#onTopic(topic, () => this.makePrivate(topic)))],
      ["public_topic", changing((topic) => this.#onTopic(topic, () => this.makePublic(topic)))],
      ["authorize", changing((topic, data) => this.#grant(topic, data, "authorize"))],
      ["unauthorize", changing((topic, data) => this.#grant(topic, data, "unauthorize"))],
      ["private_topics_config", telling(() => told(parts.access.topics.list()))],
      ["list_users", telling(() => this.#listUsers())],
      ["add_user", changing((_topic, data) => this.#addUser(data))],
      ["remove_user", changing((_topic, data) => this.#removeUser(data))],
      ["list_admins", telling(() => told(parts.admins.names()))],
      ["add_admin", changing((_topic, data) => this.#addAdmin(data))],
      ["remove_admin", changing((_topic, data) => this.#removeAdmin(data))],
      ["list_tenants", telling(() => told(parts.access.tenants.names()))],
      ["put_tenant", changing((_topic, data) => this.#putTenant(data))],
      ["remove_tenant", changing((_topic, data) => this.#removeTenant(data))],
      ["why", telling((topic, data) => this.#why(topic, data))],
      [
        "broker_config",
        telling(() =>
          told({ exposers: parts.exposers.list(), subscribers: parts.subscriptions.list() })
        ),
      ],
      ["load_config", changing(() => this.#reload())],
      // Every change is stored before it is answered: what may be left are positions.
      ["save_config", changing(() => parts.options.state === null ? OK : STORED)],
      ["shutdown", changing(() => this.#shutdown())],
      ["enable_debug", changing(() => this.#setDebug(true))],
      ["disable_debug", changing(() => this.#setDebug(false))],
    ]);
  }

  /** Runs one command; an unknown one is answered with 47. Neither throws nor rejects for what a peer sent. */
  run(from: Commander, topic: string, data: Fields & { readonly cmd: string }): Answering {
    const { cmd } = data;
    const rule = this.#rules.get(cmd);
    if (rule === undefined) return { status: Status.UNKNOWN_ADMIN_CMD, data: cmd };
    const note = { action: cmd, ...aboutOf(topic, data) };
    if (!from.isAdmin) return { ...no("unauthorized"), note };
    const noted = (answer: AdminAnswer): AdminAnswer => rule.isNoted ? { ...answer, note } : answer;
    try {
      const answer = rule.run(topic, data);
      return answer instanceof Promise
        ? answer.then(noted, (error) => noted(this.#failed(cmd, error)))
        : noted(answer);
    } catch (error) {
      return noted(this.#failed(cmd, error));
    }
  }

  /** Makes a topic private. Throws `LimitError`. */
  makePrivate(topic: string): void {
    this.#parts.access.topics.makePrivate(topic);
    this.#storeTopic(topic);
  }

  /** Makes a topic public. */
  makePublic(topic: string): void {
    this.#parts.access.topics.makePublic(topic);
    this.#parts.options.state?.put({ kind: "public", topic });
  }

  /** Lets a component use a topic. Throws `LimitError`. */
  authorize(name: string, topic: string): void {
    this.#parts.access.topics.authorize(name, topic);
    this.#storeTopic(topic);
  }

  /** Takes the right back. */
  unauthorize(name: string, topic: string): void {
    this.#parts.access.topics.unauthorize(name, topic);
    this.#storeTopic(topic);
  }

  #storeTopic(topic: string): void {
    const rule = this.#parts.access.topics.exact(topic);
    if (rule === null) return;
    this.#parts.options.state?.put({ kind: "private", topic, names: [...rule.names] });
  }

  #failed(cmd: string, error: unknown): AdminAnswer {
    if (error instanceof RembusError || error instanceof WrongField) {
      return no(error.message);
    }
    this.#parts.options.logger.error("admin command failed", { cmd, error });
    return no(`Cannot run "${cmd}": ${errorText(error)}`);
  }

  #onTopic(topic: string, change: () => void): AdminAnswer {
    const problem = checkTopic(topic);
    if (problem !== null) return no(problem);
    change();
    return this.#stored;
  }

  #grant(topic: string, data: Fields, action: "authorize" | "unauthorize"): AdminAnswer {
    const cid = cidOf(data);
    return this.#onTopic(topic, () => this[action](cid, topic));
  }

  /** What a change is answered with: once it is durable, if anything is. */
  get #stored(): AdminAnswer {
    return this.#parts.options.state === null ? OK : STORED;
  }

  async #listUsers(): Promise<AdminAnswer> {
    const { admins, options: { keys }, registry } = this.#parts;
    const names = new Set([...keys.names(), ...admins.names()]);
    const users = [];
    for (const name of [...names].sort()) {
      users.push({
        name,
        kind: await kindOf(() => keys.get(name)),
        admin: admins.has(name),
        connected: registry.get(name)?.conversation !== null && registry.get(name) !== undefined,
      });
    }
    return told(users);
  }

  async #addUser(data: Fields): Promise<AdminAnswer> {
    const { options: { keys }, registry } = this.#parts;
    const cid = cidOf(data);
    const key = await userKey(data);
    if (!await keys.put(cid, key)) {
      return { status: Status.NAME_ALREADY_TAKEN, data: `[${cid}] not available` };
    }
    const holder = registry.get(cid)?.conversation ?? null;
    if (holder !== null && !holder.isProved) holder.close(1008, "the name was registered");
    return OK;
  }

  async #removeUser(data: Fields): Promise<AdminAnswer> {
    const cid = cidOf(data);
    if (!await this.#parts.options.keys.remove(cid)) {
      return no(`Cannot remove user "${cid}": expected a registered name`);
    }
    this.#parts.registry.get(cid)?.conversation?.close(1008, "the name is not registered any more");
    return OK;
  }

  #addAdmin(data: Fields): AdminAnswer {
    this.#parts.admins.add(cidOf(data));
    return this.#storeAdmins();
  }

  #removeAdmin(data: Fields): AdminAnswer {
    const { admins } = this.#parts;
    const cid = cidOf(data);
    const wasAdmin = admins.remove(cid);
    if (admins.isFixed(cid)) {
      return no(`Cannot remove admin "${cid}": it is one by the settings of the broker`);
    }
    return wasAdmin ? this.#storeAdmins() : no(`Cannot remove admin "${cid}": it is none`);
  }

  #storeAdmins(): AdminAnswer {
    const names = this.#parts.admins.remembered();
    this.#parts.options.state?.put({ kind: "admins", names });
    return this.#stored;
  }

  #putTenant(data: Fields): AdminAnswer {
    const tenant = tenantOf(data);
    const { pin } = data;
    if (typeof pin !== "string" || pin === "" || pin.length > KEY_BYTES_MAX) {
      throw new WrongField(`Cannot change tenant "${tenant}": "pin" must be a text, not empty`);
    }
    this.#parts.access.tenants.put({ tenant, secret: pin });
    return this.#storeTenants();
  }

  #removeTenant(data: Fields): AdminAnswer {
    const { access: { tenants } } = this.#parts;
    const tenant = tenantOf(data);
    const wasListed = tenants.remove(tenant);
    if (tenants.isFixed(tenant)) {
      return no(`Cannot remove tenant "${tenant}": it is one by the settings of the broker`);
    }
    return wasListed ? this.#storeTenants() : no(`Cannot remove tenant "${tenant}": it is none`);
  }

  #storeTenants(): AdminAnswer {
    const tenants = this.#parts.access.tenants.remembered();
    this.#parts.options.state?.put({ kind: "tenants", tenants });
    return this.#stored;
  }

  #why(topic: string, data: Fields): AdminAnswer {
    const { access, admins, exposers, isOwnService, options, subscriptions } = this.#parts;
    const { action } = data;
    const about = typeof data["topic"] === "string" ? data["topic"] : topic;
    if (!isAskedAction(action)) {
      throw new WrongField(
        `Cannot explain: "action" must be one of ${ASKED_ACTIONS.join(", ")}`,
      );
    }
    const name = cidOf(data);
    const actor = { name, isBroker: name === options.name, isAdmin: admins.has(name) };
    const parts = { access, exposers, subscriptions, tableOf: options.tableOf, isOwnService };
    return told(explain({ ...parts, name: options.name }, { actor, action, topic: about }));
  }

  async #reload(): Promise<AdminAnswer> {
    const { control, keys } = this.#parts.options;
    await keys.reload();
    await control.reload?.();
    return OK;
  }

  #shutdown(): AdminAnswer {
    const { shutdown } = this.#parts.options.control;
    if (shutdown === undefined) return no("Cannot shut down: this broker is ended by its program");
    return { ...OK, after: () => shutdown() };
  }

  #setDebug(isOn: boolean): AdminAnswer {
    const { setDebug } = this.#parts.options.control;
    if (setDebug === undefined) return no("Cannot change the log: its level is set by the program");
    setDebug(isOn);
    return OK;
  }
}

/** A field of a command that cannot be used. */
class WrongField extends Error {
  override readonly name = "WrongField";
}

/** The component that a command is about. Throws `WrongField`. */
function cidOf({ cid }: Fields): string {
  const problem = typeof cid === "string" ? checkName(cid) : "expected a text";
  if (typeof cid === "string" && problem === null) return cid;
  throw new WrongField(`Cannot run the command: "cid" must be the name of a component: ${problem}`);
}

function tenantOf({ tenant }: Fields): string {
  const problem = typeof tenant === "string" ? checkTenant(tenant) : "expected a text";
  if (typeof tenant === "string" && problem === null) return tenant;
  throw new WrongField(`Cannot run the command with "tenant": ${problem}`);
}

/** What a new user proves its name with: a public key, or a secret. */
async function userKey({ key, secret }: Fields): Promise<StoredKey> {
  if (key instanceof Uint8Array) return await readKey(key);
  if (typeof key === "string") return await readKey(bytesOf(key));
  const isSecret = typeof secret === "string" && secret.trim() !== "" && !/[\r\n]/.test(secret) &&
    secret.length <= KEY_BYTES_MAX && !secret.startsWith("-----BEGIN");
  if (isSecret) return { kind: "secret", bytes: new TextEncoder().encode(secret) };
  throw new WrongField(
    'Cannot add a user: "key" must be a public key in PEM or DER, or "secret" one line of text',
  );
}

/** A PEM as text, or base64. */
function bytesOf(text: string): Uint8Array {
  if (text.startsWith("-----BEGIN")) return new TextEncoder().encode(text);
  try {
    return fromBase64(text);
  } catch (error) {
    throw new WrongField(`Cannot add a user: "key" must be base64: ${errorText(error)}`);
  }
}

async function kindOf(read: () => Promise<StoredKey | null>): Promise<string | null> {
  try {
    return (await read())?.kind ?? null;
  } catch {
    // A key that cannot be read is there all the same: the list must say so, not fail.
    return "unreadable";
  }
}

/** What a command is about, for the audit trail. */
function aboutOf(topic: string, { cid, tenant }: Fields): {
  readonly subject: string | null;
  readonly cid: string | null;
} {
  const subject = typeof tenant === "string" ? tenant : topic === CONFIG_TOPIC ? null : topic;
  return { subject, cid: typeof cid === "string" ? cid : null };
}

function isAskedAction(value: unknown): value is AskedAction {
  return ASKED_ACTIONS.some((action) => action === value);
}

function told(data: unknown): AdminAnswer {
  return { status: Status.OK, data };
}

function no(reason: string): AdminAnswer {
  return { status: Status.ERROR, data: reason };
}
