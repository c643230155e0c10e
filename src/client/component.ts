import type { Component } from "../peer/api.ts";
import type { AnyContract, Contract } from "../peer/contract.ts";
import { parseComponentUrl } from "../protocol/url.ts";
import { startComponent } from "./node.ts";
import type { ComponentOptions } from "./options.ts";

export type { ComponentOptions } from "./options.ts";

/**
 * Starts a component: a node that dials the broker at a URL, logs in by the name in it, and reconnects for
 * ever. A bare name is a name on the base URL; a URL without a name makes an anonymous component.
 *
 * Whatever was subscribed and exposed is announced again after each connect, before the component reports
 * ready. While its broker is away, `subscribe`, `expose` and what takes them back are noted and resolve at
 * once; publications of QoS 1 and 2 wait until their time is over; everything else rejects with
 * `ConnectionClosedError`, and so does every call that waited for an answer when the link was lost. A
 * publication of QoS 0 that is on its way at that moment is lost.
 *
 * A list of URLs makes a pool, one handle over several brokers: it subscribes and exposes at all of them,
 * calls and publishes at one by `policy`, and is open while one of them is. What changes the rules of private
 * topics goes to all of them, and fails when one is away; `admin` asks one.
 *
 * A broker that knows a key of the name asks for a proof, which is made with the one in `keys`, read anew at each
 * connect; `register` makes both. A component that is connected never gives up: when a later login is refused, or
 * its key is gone, it says so in its events and goes on trying.
 *
 * Rejects with `ConnectionClosedError` when the broker is away, and with `LoginError` when it refuses the
 * name (its status) or there is no key to prove it (11), unless `startAnyway`; a pool rejects when no broker
 * lets it in, with the error of the first. Rejects with `TypeError` or `RangeError` for a URL or an option that
 * cannot be honoured.
 *
 * @example
 * ```ts
 * import { component, QoS } from "@rembus/cli/client";
 *
 * await using cli = await component("ws://127.0.0.1:8338/myclient");
 * await cli.subscribe("alarm", (text: string) => console.log(text));
 * await cli.with({ qos: QoS.ONE }).publish("telemetry", { temperature: 21.6 });
 * ```
 */
export async function component<C extends Contract = AnyContract>(
  url: string | readonly string[],
  options: ComponentOptions<C> = {},
): Promise<Component<C>> {
  const isPool = typeof url !== "string";
  const [first, ...others] = isPool ? url : [url];
  if (first === undefined) throw new TypeError("Cannot make a pool: expected URLs, got none");
  const urls: readonly [string, ...string[]] = [first, ...others];
  assertDistinct(urls, options.baseUrl);
  return await startComponent({ urls, isPool, reconnects: true, options });
}

/** Starts a component without a name on the base URL; see {@link component}. */
export async function anonymous<C extends Contract = AnyContract>(
  options: ComponentOptions<C> = {},
): Promise<Component<C>> {
  return await component("", options);
}

/** One name can be connected to one broker only once, and one subscription twice would deliver twice. */
function assertDistinct(urls: readonly string[], baseUrl: string | undefined): void {
  const seen = new Set<string>();
  for (const url of urls) {
    const { text } = parseComponentUrl(url, baseUrl);
    if (seen.has(text)) {
      throw new TypeError(`Cannot make a pool: expected each URL once, got "${text}" twice`);
    }
    seen.add(text);
  }
}
