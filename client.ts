/**
 * The component for every runtime with a `WebSocket`, browsers included: nothing here uses a Deno API.
 *
 * @example
 * ```ts
 * import { component, QoS } from "@rembus/cli/client";
 *
 * await using cli = await component("ws://127.0.0.1:8338/myclient");
 * await cli.subscribe("alarm", (text: string) => console.log(text));
 * await cli.expose("add", (x: number, y: number) => x + y);
 * await cli.with({ qos: QoS.ONE }).publish("telemetry", { temperature: 21.6 });
 * console.log(await cli.rpc("version"));
 * ```
 *
 * @module
 */
export { anonymous, component } from "./src/client/component.ts";
export { connect } from "./src/client/connect.ts";
export type {
  ComponentOptions,
  ConnectionMode,
  ConnectOptions,
  PoolPolicy,
} from "./src/client/options.ts";
export { register, type RegisterOptions } from "./src/client/register.ts";
export type { Arrow, ArrowTable, TableOptions } from "./src/frame/arrow.ts";
export type { ColumnType, PlainType } from "./src/frame/column_type.ts";
export { type ColumnValues, DataFrame } from "./src/frame/data_frame.ts";
export { FrameError } from "./src/frame/frame_error.ts";
export type { Row } from "./src/frame/rows.ts";
export { Timestamp } from "./src/frame/timestamp.ts";
export type { ClientKeys, KeyScheme } from "./src/identity/client_keys.ts";
export { KeyError } from "./src/identity/errors.ts";
export { indexedDbKeys } from "./src/identity/indexed_db_keys.ts";
export { memoryKeys } from "./src/identity/memory_keys.ts";
export { memoryPair, type MemoryPairOptions } from "./src/link/memory.ts";
export type { Dialer, Link, LinkClose, LinkHandler } from "./src/link/link.ts";
export {
  type Age,
  type Caller,
  type CallOptions,
  type Component,
  type ConnectionEvent,
  type ExposeOptions,
  type From,
  type Handler,
  type HandlerContext,
  type Instant,
  LAST_RECEIVED,
  type Message,
  type MessageStream,
  type NodeHandle,
  NOW,
  type SubscribeOptions,
} from "./src/peer/api.ts";
export {
  type AnyContract,
  type ArgsOf,
  type Contract,
  type OutputOf,
  type SchemaIssue,
  type SchemaResult,
  type ServiceArgs,
  type ServiceContract,
  type ServiceResult,
  type StandardSchema,
  type TopicArgs,
  type,
} from "./src/peer/contract.ts";
export { Float, Simple, Tagged } from "./src/protocol/cbor.ts";
export {
  CallError,
  ConnectionClosedError,
  LimitError,
  LoginError,
  MethodArgsError,
  MethodExceptionError,
  MethodLoopbackError,
  MethodNotFoundError,
  MethodUnavailableError,
  ProtocolError,
  RembusError,
  Status,
  type StatusName,
  TargetDownError,
  TargetNotFoundError,
  TimeoutError,
} from "./src/protocol/errors.ts";
export { type Encoding, QoS } from "./src/protocol/packet.ts";
export { nowbucket } from "./src/util/bucket.ts";
export type { Clock, Timer } from "./src/util/clock.ts";
export type { Logger } from "./src/util/log.ts";
export type { Random } from "./src/util/random.ts";
export { VERSION } from "./src/util/version.ts";
