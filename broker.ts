/**
 * The broker: a node that listens on a port and moves messages between the components that
 * connect to it. It has all the verbs of a component itself.
 *
 * @example
 * ```ts
 * import { broker } from "@rembus/cli/broker";
 *
 * await using bro = await broker({ port: 0 });
 * await bro.subscribe("alarm", (text: string) => console.log(text));
 * ```
 *
 * @module
 */
export { broker, type BrokerNodeOptions } from "./src/node/broker.ts";
export type { BrokerNode } from "./src/node/broker_node.ts";
export type { StorageKind } from "./src/node/settings.ts";
export type { DataHealth, LakeHealth, LogStatus, StateHealth } from "./src/store/health.ts";
export type { DamageCount } from "./src/log/catalog.ts";
export type { LogHealth } from "./src/log/health.ts";
export type { NotLoggedCause } from "./src/log/message_log.ts";
export type { StoreFault } from "./src/lake/errors.ts";
export type { AcceptOptions } from "./src/broker/broker.ts";
export type { Interception, Interceptor, Sender } from "./src/broker/interceptors.ts";
export { type BrokerOptions, POLICIES, type Policy } from "./src/broker/options.ts";
export type {
  Appended,
  Journal,
  JournalBatch,
  JournalEntry,
  JournalPosition,
  JournalRange,
  JournalRecord,
} from "./src/broker/journal.ts";
export type { Audit, AuditEntry } from "./src/broker/audit.ts";
export { type Keys, MemoryKeys, type StoredKey } from "./src/broker/keys.ts";
export type { BrokerTable, Control, RateLimit } from "./src/broker/options.ts";
export type { RawCall, RawService } from "./src/broker/raw_service.ts";
export type {
  RememberedComponent,
  RememberedState,
  RememberedSubscription,
  ServedTo,
  StateChange,
  StateStore,
  Tenant,
} from "./src/broker/state_store.ts";
export type {
  Ack,
  Ack2,
  Admin,
  Attestation,
  Extras,
  Identity,
  MsgId,
  Packet,
  Publish,
  Register,
  Response,
  Rpc,
  Unregister,
} from "./src/protocol/packet.ts";
export { Payload } from "./src/protocol/payload.ts";
