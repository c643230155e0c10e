import { Broker } from "../../src/broker/broker.ts";
import type { BrokerOptions } from "../../src/broker/options.ts";
import { component, type ComponentOptions } from "../../src/client/component.ts";
import { listenWebSocket } from "../../src/link/ws_listener.ts";
import type { TlsSource } from "../../src/link/tls_renewal.ts";
import type { Component } from "../../src/peer/api.ts";

/** A broker of this repository, how it is made, and what was connected to it. */
export interface OurBroker extends AsyncDisposable {
  readonly broker: Broker;
  readonly url: string;
  readonly port: number;
  /** A component of this repository; an anonymous one without a name. Closed with the broker. */
  connect(name?: string, options?: ComponentOptions): Promise<Component>;
}

/** How a broker for foreign peers is made. */
export interface OurBrokerOptions extends BrokerOptions {
  /** Port to listen on, for a broker that comes back. @default {a free one} */
  readonly port?: number;
  /** Certificate and key, to serve `wss`. @default {`ws`} */
  readonly tls?: TlsSource | null;
}

/** Time that a closing broker gives to foreign peers, in milliseconds. */
const DRAIN_MS = 200;

/** Starts a broker that listens on 127.0.0.1, with nothing of the developer's settings. */
export async function startOurBroker(
  { port = 0, tls = null, ...options }: OurBrokerOptions = {},
): Promise<OurBroker> {
  const broker = new Broker({ drainMs: DRAIN_MS, ...options });
  const components: Component[] = [];
  const listener = await listenWebSocket({
    hostname: "127.0.0.1",
    port,
    tls,
    onLink: (link) => broker.accept(link),
  });
  return {
    broker,
    url: listener.url,
    port: Number(new URL(listener.url).port),
    async connect(name, extra = {}): Promise<Component> {
      const url = name === undefined ? listener.url : `${listener.url}/${name}`;
      const made = await component(url, extra);
      components.push(made);
      return made;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.all(components.map((one) => one.close()));
      await listener.close();
      await broker.close();
    },
  };
}
