/**
 * The whole of Rembus in one program: components, and the broker that they meet on.
 *
 * @example
 * ```ts
 * import { broker, component } from "@rembus/cli/mod";
 *
 * await using bro = await broker({ port: 0 });
 * await using cli = await component(`${bro.url}/myclient`);
 * await cli.expose("add", (x: number, y: number) => x + y);
 * console.log(await bro.rpc("add", 1, 2));
 * ```
 *
 * @module
 */
export {
  anonymous,
  component,
  connect,
  type NodeComponentOptions,
  type NodeConnectOptions,
} from "./src/node/component.ts";
export { type NodeRegisterOptions, register } from "./src/node/register.ts";
export {
  type AnyCodeKind,
  type CodeKind,
  type DistributeOptions,
  installFile,
  type InstallFileOptions,
  listCode,
  type ListedCode,
  uninstallCode,
} from "./src/code/distribute.ts";
export * from "./broker.ts";
// Its `component`, `connect`, `anonymous` and `register` give way to those above, which also look for settings.
export * from "./client.ts";
