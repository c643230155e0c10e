import { Broker } from "../../src/broker/broker.ts";
import type { BrokerOptions } from "../../src/broker/options.ts";
import { component, type ComponentOptions } from "../../src/client/component.ts";
import { memoryPair } from "../../src/link/memory.ts";
import { listenWebSocket } from "../../src/link/ws_listener.ts";
import type { Link } from "../../src/link/link.ts";
import type { Component } from "../../src/peer/api.ts";
import type { Encoding } from "../../src/protocol/packet.ts";
import { WatchedLogger } from "./watched_logger.ts";

/** One cell of {memory, WebSocket} x {CBOR, JSON}. */
export interface Cell {
  readonly transport: "memory" | "websocket";
  readonly encoding: Encoding;
}

/** The four cells that the integration suite runs over. */
export const MATRIX: readonly Cell[] = [
  { transport: "memory", encoding: "cbor" },
  { transport: "memory", encoding: "json" },
  { transport: "websocket", encoding: "cbor" },
  { transport: "websocket", encoding: "json" },
];

/** A broker with a way to reach it, and everything that was connected through it. */
export interface Harness extends AsyncDisposable {
  readonly broker: Broker;
  readonly cell: Cell;
  /** A component of that name; an anonymous one without. Closed with the harness. */
  connect(name?: string, options?: ComponentOptions): Promise<Component>;
  /** A link to the broker that nothing speaks on yet. */
  link(): Promise<Link>;
  readonly url: string;
}

/** Starts a broker in one cell of the matrix. */
export async function startHarness(cell: Cell, options: BrokerOptions = {}): Promise<Harness> {
  const logger = new WatchedLogger(options.logger);
  const broker = new Broker({ drainMs: 200, ...options, logger });
  const components: Component[] = [];
  const listener = cell.transport === "websocket"
    ? await listenWebSocket({
      hostname: "127.0.0.1",
      port: 0,
      onLink: (link) => broker.accept(link),
    })
    : null;
  const url = listener?.url ?? "ws://127.0.0.1:8338";
  const memoryLink = (): Link => {
    const [ours, theirs] = memoryPair();
    broker.accept(theirs, { trusted: true });
    return ours;
  };
  return {
    broker,
    cell,
    url,
    async connect(name?: string, extra: ComponentOptions = {}): Promise<Component> {
      const made = await component(name === undefined ? url : `${url}/${name}`, {
        encoding: cell.encoding,
        requestTimeoutMs: 5_000,
        logger,
        ...(listener === null ? { dial: () => Promise.resolve(memoryLink()) } : {}),
        ...extra,
      });
      components.push(made);
      return made;
    },
    async link(): Promise<Link> {
      if (listener === null) return memoryLink();
      const { dialWebSocket } = await import("../../src/link/whatwg.ts");
      return await dialWebSocket(url, { signal: AbortSignal.timeout(5_000) });
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.all(components.map((one) => one.close()));
      await listener?.close();
      await broker.close();
      logger.assertClean();
    },
  };
}

/** Registers a test for every cell of the matrix. */
export function testMatrix(
  name: string,
  body: (harness: Harness) => Promise<void>,
  options: BrokerOptions = {},
): void {
  for (const cell of MATRIX) {
    Deno.test(`${name} (${cell.transport}, ${cell.encoding})`, async () => {
      await using harness = await startHarness(cell, options);
      await body(harness);
    });
  }
}

/** Collects what a subscription delivers. */
export async function collect(
  node: Component | Broker["handle"],
  topic: string,
): Promise<unknown[][]> {
  const received: unknown[][] = [];
  await node.subscribe(topic, (...args: unknown[]) => void received.push(args));
  return received;
}
