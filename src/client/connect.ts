import type { Component } from "../peer/api.ts";
import type { AnyContract, Contract } from "../peer/contract.ts";
import { startComponent } from "./node.ts";
import type { ConnectOptions } from "./options.ts";

/**
 * Connects to the broker at a URL once: when the link is lost, the component is closed, everything that
 * waits rejects with `ConnectionClosedError`, and loops over its messages end with that error. In all other
 * ways it is as one made by `component`.
 *
 * Rejects with `ConnectionClosedError` when the broker is away, with `LoginError` when it refuses the name
 * or there is no key to prove it, and with `TypeError` or `RangeError` for a URL or an option that cannot be honoured.
 *
 * @example
 * ```ts
 * import { connect } from "@rembus/cli/client";
 *
 * await using cli = await connect("ws://127.0.0.1:8338/script");
 * console.log(await cli.rpc("version"));
 * ```
 */
export async function connect<C extends Contract = AnyContract>(
  url: string,
  options: ConnectOptions<C> = {},
): Promise<Component<C>> {
  return await startComponent({ urls: [url], isPool: false, reconnects: false, options });
}
