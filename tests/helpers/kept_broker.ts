import { Broker } from "../../src/broker/broker.ts";
import type { BrokerOptions } from "../../src/broker/options.ts";
import { component, type ComponentOptions } from "../../src/client/component.ts";
import { memoryPair } from "../../src/link/memory.ts";
import type { MessageLog } from "../../src/log/message_log.ts";
import { openMessageLog } from "../../src/log/open_message_log.ts";
import type { MessageLogOptions } from "../../src/log/options.ts";
import type { Component } from "../../src/peer/api.ts";
import type { Encoding } from "../../src/protocol/packet.ts";
import { SimDisk } from "./log_sim_files.ts";
import { MemoryStateStore } from "./memory_state_store.ts";
import { RawSession } from "./raw_session.ts";
import { WatchedLogger } from "./watched_logger.ts";

/** How a {@link KeptBroker} is made. */
export interface KeptOptions {
  readonly broker?: BrokerOptions;
  readonly log?: Partial<MessageLogOptions>;
}

/** A broker with a message log on a disk in memory, and what it remembers; it can be started again. */
export class KeptBroker implements AsyncDisposable {
  readonly disk: SimDisk;
  readonly broker: Broker;
  readonly log: MessageLog;
  readonly state: MemoryStateStore;
  readonly #logger: WatchedLogger;
  readonly #options: KeptOptions;
  readonly #components: Component[] = [];

  private constructor(
    parts: Pick<KeptBroker, "disk" | "broker" | "log" | "state">,
    options: KeptOptions,
    logger: WatchedLogger,
  ) {
    this.#logger = logger;
    this.disk = parts.disk;
    this.broker = parts.broker;
    this.log = parts.log;
    this.state = parts.state;
    this.#options = options;
  }

  static async start(
    options: KeptOptions = {},
    disk: SimDisk = new SimDisk(),
    state: MemoryStateStore = new MemoryStateStore({ isLazy: true }),
  ): Promise<KeptBroker> {
    const log = await openMessageLog({ files: disk.files(), ...options.log });
    const logger = new WatchedLogger(options.broker?.logger);
    const broker = new Broker({ drainMs: 500, ...options.broker, logger, journal: log, state });
    await broker.recall();
    return new KeptBroker({ disk, broker, log, state }, options, logger);
  }

  /** A component of that name; an anonymous one without. */
  async connect(name?: string, options: ComponentOptions = {}): Promise<Component> {
    const url = "ws://127.0.0.1:8338";
    const made = await component(name === undefined ? url : `${url}/${name}`, {
      requestTimeoutMs: 5_000,
      logger: this.#logger,
      dial: () => Promise.resolve(this.#link()),
      ...options,
    });
    this.#components.push(made);
    return made;
  }

  /** A peer that does only what the test says. */
  raw(encoding: Encoding = "cbor"): RawSession {
    return new RawSession(this.#link(), encoding);
  }

  /** Ends it in order and starts one on the same disk. */
  async restart(): Promise<KeptBroker> {
    await this[Symbol.asyncDispose]();
    return await KeptBroker.start(this.#options, this.disk, this.state.reopen());
  }

  /** The machine loses power: only what was synced is there when a broker starts on the same disk. */
  async crash(): Promise<KeptBroker> {
    const disk = this.disk.durableCopy();
    const state = this.state.reopen();
    await this[Symbol.asyncDispose]();
    return await KeptBroker.start(this.#options, disk, state);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#components.map((one) => one.close()));
    await this.broker.close();
    await this.log.close();
    this.#logger.assertClean();
  }

  #link() {
    const [ours, theirs] = memoryPair();
    this.broker.accept(theirs, { trusted: true });
    return ours;
  }
}
