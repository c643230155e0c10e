import { DataFrame } from "../../src/frame/data_frame.ts";
import type { Row } from "../../src/frame/rows.ts";
import { memoryPair } from "../../src/link/memory.ts";
import { broker, type BrokerNodeOptions } from "../../src/node/broker.ts";
import type { BrokerNode } from "../../src/node/broker_node.ts";
import { component } from "../../src/node/component.ts";
import type { Component } from "../../src/peer/api.ts";
import type { Encoding, MsgId } from "../../src/protocol/packet.ts";
import type { StoragePlace } from "./lake_storages.ts";
import { RawSession } from "./raw_session.ts";

/** Answers may take so long: a loaded machine is no failure. In milliseconds. */
const CALL_MS_MAX = 60_000;
/** The one that may ask who exposes what. */
const ADMIN = "boss";
const CONFIG = "__config__";

/** How a {@link LakeBus} is started: as a broker, in a place that a test of all storages was given. */
export type LakeBusOptions = Partial<BrokerNodeOptions>;

/** A broker with tables on a port, and the components that were connected to it. It can be started again. */
export class LakeBus implements AsyncDisposable {
  readonly #place: StoragePlace;
  #node: BrokerNode;
  #options: LakeBusOptions;
  #components: Component[] = [];

  private constructor(node: BrokerNode, place: StoragePlace, options: LakeBusOptions) {
    this.#node = node;
    this.#place = place;
    this.#options = options;
  }

  /** Starts it, with what the storage of this place is asked for with. */
  static async start(place: StoragePlace, options: LakeBusOptions = {}): Promise<LakeBus> {
    return new LakeBus(await startNode(place, options), place, options);
  }

  /** The broker: another one after a restart. */
  get node(): BrokerNode {
    return this.#node;
  }

  /** A component of that name, over WebSocket. Closed with the bus. */
  async connect(name: string, encoding: Encoding = "cbor"): Promise<Component> {
    const made = await component(`${this.node.url}/${name}`, {
      encoding,
      requestTimeoutMs: CALL_MS_MAX,
    });
    this.#components.push(made);
    return made;
  }

  /** Ends the broker and its components in order, and starts one on the same files. */
  async restart(options: LakeBusOptions = this.#options): Promise<void> {
    await this[Symbol.asyncDispose]();
    this.#components = [];
    this.#options = options;
    this.#node = await startNode(this.#place, options);
  }

  /** Service -> names that expose it, as an admin is told. */
  async exposers(): Promise<Record<string, readonly string[]>> {
    const [ours, theirs] = memoryPair();
    this.node.accept(theirs, { trusted: true });
    await using admin = new RawSession(ours);
    admin.send({ type: "identity", id: 1n as MsgId, cid: ADMIN });
    await admin.next();
    admin.send({ type: "admin", id: 2n as MsgId, topic: CONFIG, data: { cmd: "broker_config" } });
    const { packet } = await admin.next();
    if (packet.type !== "response") throw new Error(`Expected a response, got ${packet.type}`);
    return (packet.data.value as { exposers: Record<string, readonly string[]> }).exposers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#components.map((one) => one.close()));
    await this.node.close();
  }
}

function startNode(place: StoragePlace, options: LakeBusOptions): Promise<BrokerNode> {
  return broker({ ...optionsOf(place), admins: [ADMIN], ...options });
}

/** What a broker is given so that its tables are kept as a test of all storages wants them. */
export function optionsOf({ directory, disk }: StoragePlace): BrokerNodeOptions {
  const { name, storage, duckLakeUrl } = disk;
  return {
    dir: directory,
    name,
    port: 0,
    ...(storage === undefined ? {} : { storage }),
    ...(duckLakeUrl === undefined ? {} : { ducklakeUrl: duckLakeUrl }),
  };
}

/** The rows of a frame that came over the bus. */
export function rowsOf(frame: unknown): Row[] {
  if (frame instanceof DataFrame) return frame.rows();
  throw new Error(`Cannot read rows: expected a frame, got ${typeof frame}`);
}

/** The rows that `query_<table>` answers with. */
export async function queryRows(
  node: Pick<Component, "rpc">,
  table: string,
  ...args: readonly unknown[]
): Promise<Row[]> {
  return rowsOf(await node.rpc(`query_${table}`, ...args));
}
