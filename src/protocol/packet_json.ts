/**
 * Packets as JSON-RPC text frames (spec 3, PROTOCOL.md 14): liberal in what is read, and written the way
 * the peer writes.
 *
 * @module
 */
export { type DecodedJson, decodePacketJson } from "./packet_json_read.ts";
export { encodePacketJson, JSON_DIALECT_DEFAULT } from "./packet_json_write.ts";
