import { incomingValue } from "../frame/arguments.ts";
import type {
  CallOptions,
  Component,
  ConnectionEvent,
  ExposeOptions,
  Handler,
  MessageStream,
  SubscribeOptions,
} from "../peer/api.ts";
import { mergeCallOptions } from "../peer/call_options.ts";
import type { Contract } from "../peer/contract.ts";
import { check, type Checked, serviceSchema, topicSchema } from "../peer/edges.ts";
import { assertTopic, type RegistrationArgs, registrationOf } from "../peer/registration.ts";
import { waitUntil } from "../peer/wait.ts";
import { callError, ConnectionClosedError, InvariantError, Status } from "../protocol/errors.ts";
import { QoS } from "../protocol/packet.ts";
import { type ComponentUrl, parseComponentUrl } from "../protocol/url.ts";
import { valueOfCommand } from "./command.ts";
import { Core } from "./core.ts";
import { CONFIG_TOPIC } from "./login.ts";
import { type ComponentOptions, resolveComponentOptions } from "./options.ts";
import { unregister } from "./unregister.ts";
import type { Uplink } from "./uplink.ts";

/** How a component is made. */
export interface ComponentStart<C extends Contract> {
  readonly urls: readonly [string, ...string[]];
  /** Whether it is one handle over several brokers. */
  readonly isPool: boolean;
  /** Whether it connects again when a link is lost. */
  readonly reconnects: boolean;
  readonly options: ComponentOptions<C>;
}

/** What a component tells its broker itself, and keeps account of: the command -> the method to use. */
const OWN_COMMANDS: ReadonlyMap<string, string> = new Map([
  ["subscribe", "subscribe() or messages()"],
  ["unsubscribe", "unsubscribe()"],
  ["expose", "expose()"],
  ["unexpose", "unexpose()"],
  ["reactive", "reactive() or unreactive()"],
  ["setup", "subscribe() and expose()"],
  ["capabilities", 'the option "extras"'],
]);

/** Makes a component and connects it. */
export async function startComponent<C extends Contract>(
  { urls: [first, ...others], isPool, reconnects, options }: ComponentStart<C>,
): Promise<Component<C>> {
  const resolved = resolveComponentOptions(options);
  resolved.signal?.throwIfAborted();
  const parse = (text: string): ComponentUrl => {
    const url = parseComponentUrl(text, resolved.baseUrl);
    if (url.name !== null || resolved.connectionMode === "default") return url;
    throw new TypeError(
      `Cannot use URL "${url.text}": expected a name, as "connectionMode" is ` +
        `"${resolved.connectionMode}", got none`,
    );
  };
  const core = new Core({
    urls: [parse(first), ...others.map(parse)],
    isPool,
    reconnects,
    options: resolved,
    caller: (owner, uplink) => new ComponentNode(owner, {}, uplink),
  });
  await core.start();
  const node = new ComponentNode(core);
  CORES.set(node, core);
  // The contract was given to the core as a value, of which C is the type.
  return node as Component<C>;
}

/** What code distribution needs of a component besides its handle. No door exports it. */
export interface Insides {
  /** Adds a service that is not announced: it is reached with `direct` only. */
  addService(topic: string, handler: Handler, options: ExposeOptions): void;
  /** Whether the component has a service or a callback of that name itself. */
  isTaken(kind: "service" | "subscriber", name: string): boolean;
  /** Whether every broker that it is connected to negotiated capabilities: such a one judges who calls what. */
  isJudged(): boolean;
}

const CORES = new WeakMap<Component, Core>();

/** The insides of a component that {@link startComponent} made. Throws `InvariantError` for any other. */
export function insidesOf(component: Component): Insides {
  const core = CORES.get(component);
  if (core === undefined) throw new InvariantError("the insides of a foreign component");
  const { handlers, pool } = core;
  return {
    addService: (topic, handler, options) => handlers.setBuiltin(topic, handler, options),
    isTaken: (kind, name) =>
      kind === "service" ? handlers.hasService(name) : handlers.hasSubscriber(name),
    isJudged: () => pool.all.every((uplink) => !uplink.isOpen || uplink.session().isCapable),
  };
}

/** A handle of a component: a view of its core with options for calls. */
class ComponentNode implements Component {
  readonly #core: Core;
  readonly #call: CallOptions;
  /** The broker to which this view is limited, `null` for any. */
  readonly #uplink: Uplink | null;

  constructor(core: Core, call: CallOptions = {}, uplink: Uplink | null = null) {
    this.#core = core;
    this.#call = call;
    this.#uplink = uplink;
  }

  get rid(): string {
    return this.#uplink?.rid ?? this.#core.rid;
  }

  get uid(): string {
    return this.#uplink?.uid ?? this.#core.uid;
  }

  get isOpen(): boolean {
    return !this.#core.isClosed && (this.#uplink ?? this.#core.pool).isOpen;
  }

  with(options: CallOptions): Component {
    return new ComponentNode(this.#core, mergeCallOptions(this.#call, options), this.#uplink);
  }

  async publish(topic: string, ...args: readonly unknown[]): Promise<void> {
    this.#assertReady();
    assertTopic(topic);
    const checking = check(topicSchema(this.#core.options.contract, topic), args);
    const checked = checking instanceof Promise ? await this.#checked(checking) : checking;
    if (!checked.ok) {
      throw new TypeError(
        `Cannot publish on "${topic}": its arguments break the contract, ${checked.problem}`,
      );
    }
    const uplink = this.#call.qos === undefined || this.#call.qos === QoS.ZERO
      ? this.#open()
      : this.#uplink ?? this.#core.pool.chooseAny();
    await uplink.publish(topic, checked.value, this.#call);
  }

  async put(topic: string, ...args: readonly unknown[]): Promise<void> {
    await this.publish(`${this.rid}/${topic}`, ...args);
  }

  async subscribe(...args: RegistrationArgs<SubscribeOptions>): Promise<void> {
    this.#assertReady();
    const registration = registrationOf("subscribe", args);
    await this.#core.registrations.subscribe(registration, this.#call);
  }

  async unsubscribe(topic: string | Handler): Promise<void> {
    this.#assertReady();
    await this.#core.registrations.unsubscribe(topic, this.#call);
  }

  // deno-lint-ignore no-explicit-any -- the type of the arguments is the contract's, checked by the interface
  messages(topic: string, options: SubscribeOptions = {}): MessageStream<any> {
    this.#assertReady();
    return this.#core.registrations.stream(topic, options, this.#call);
  }

  async expose(...args: RegistrationArgs<ExposeOptions>): Promise<void> {
    this.#assertReady();
    const registration = registrationOf("expose", args);
    await this.#core.registrations.expose(registration, this.#call);
  }

  async unexpose(topic: string | Handler): Promise<void> {
    this.#assertReady();
    await this.#core.registrations.unexpose(topic, this.#call);
  }

  // deno-lint-ignore no-explicit-any -- the type of the result is the contract's, checked by the interface
  rpc(topic: string, ...args: readonly unknown[]): Promise<any> {
    return this.#rpc(topic, null, args);
  }

  direct(target: string, topic: string, ...args: readonly unknown[]): Promise<unknown> {
    return this.#rpc(topic, target, args);
  }

  reactive(): Promise<void> {
    return this.#setReactive(true);
  }

  unreactive(): Promise<void> {
    return this.#setReactive(false);
  }

  privateTopic(topic: string): Promise<void> {
    return this.#command(`make "${topic}" private`, topic, { cmd: "private_topic" });
  }

  publicTopic(topic: string): Promise<void> {
    return this.#command(`make "${topic}" public`, topic, { cmd: "public_topic" });
  }

  authorize(component: string, topic: string): Promise<void> {
    return this.#command(`authorize "${component}" for "${topic}"`, topic, {
      cmd: "authorize",
      cid: component,
    });
  }

  unauthorize(component: string, topic: string): Promise<void> {
    return this.#command(`unauthorize "${component}" for "${topic}"`, topic, {
      cmd: "unauthorize",
      cid: component,
    });
  }

  async admin(
    command: string,
    topic: string = CONFIG_TOPIC,
    args: Readonly<Record<string, unknown>> = {},
  ): Promise<unknown> {
    this.#assertReady();
    const own = OWN_COMMANDS.get(command);
    if (own !== undefined) {
      throw new TypeError(`Cannot run "${command}": expected ${own} to be used for it`);
    }
    if (topic !== CONFIG_TOPIC) assertTopic(topic);
    const about = topic === CONFIG_TOPIC ? "" : ` on "${topic}"`;
    const data = { ...args, cmd: command };
    const question = { action: `run "${command}"${about}`, topic, data };
    return incomingValue(
      await valueOfCommand(this.#open().session(), question, this.#call),
    );
  }

  async unregister(): Promise<void> {
    this.#assertReady();
    const uplinks = this.#uplink === null ? this.#core.pool.all : [this.#uplink];
    await unregister(uplinks, this.#core.options.keys, this.#call);
  }

  inject(ctx: unknown): void {
    this.#core.handlers.ctx = ctx;
  }

  events(): AsyncIterableIterator<ConnectionEvent> & AsyncDisposable {
    return this.#core.events.listen();
  }

  wait(
    options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    return waitUntil(this.#core.closed, this.#core.options.clock, options);
  }

  close(): Promise<void> {
    return this.#core.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  toString(): string {
    return this.rid;
  }

  /** Throws when nothing can be asked of the component any more, or by this call. */
  #assertReady(): void {
    this.#core.assertOpen();
    this.#call.signal?.throwIfAborted();
  }

  /** The uplink for what cannot wait. */
  #open(): Uplink {
    const uplink = this.#uplink ?? this.#core.pool.choose();
    if (uplink === null) throw new ConnectionClosedError();
    return uplink;
  }

  /** Waits for a validator, during which the component may have been closed. */
  async #checked<T>(checking: Promise<Checked<T>>): Promise<Checked<T>> {
    const checked = await checking;
    this.#assertReady();
    return checked;
  }

  async #rpc(topic: string, target: string | null, args: readonly unknown[]): Promise<unknown> {
    this.#assertReady();
    assertTopic(topic);
    const schemas = serviceSchema(this.#core.options.contract, topic);
    const checking = check(schemas?.args, args);
    const checked = checking instanceof Promise ? await this.#checked(checking) : checking;
    if (!checked.ok) throw callError(Status.METHOD_ARGS_ERROR, topic, checked.problem);
    const call = { topic, target, args: checked.value };
    const value = await this.#open().call(call, this.#call);
    const result = await check(schemas?.result, value);
    if (result.ok) return result.value;
    const problem = `the result of "${topic}" breaks the contract, ${result.problem}`;
    throw callError(Status.METHOD_EXCEPTION, topic, problem);
  }

  async #setReactive(isReactive: boolean): Promise<void> {
    this.#assertReady();
    const { all } = this.#core.pool;
    await Promise.all(all.map((uplink) => uplink.setReactive(isReactive, this.#call)));
  }

  /** Runs an admin command at every broker: a topic that is private at one of them only is not private. */
  async #command(
    action: string,
    topic: string,
    data: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    this.#assertReady();
    const { all } = this.#core.pool;
    await Promise.all(all.map((uplink) => uplink.command(action, topic, data, this.#call)));
  }
}
