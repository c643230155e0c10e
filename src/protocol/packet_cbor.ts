/**
 * Packets as binary frames (spec 2): reading proves user data well-formed and leaves it as bytes; writing puts
 * a header in front of the same bytes.
 *
 * @module
 */
export { decodePacket } from "./packet_read.ts";
export {
  encodePacket,
  publishHead,
  type PublishHeader,
  type SpaceDelivery,
  spaceFrame,
} from "./packet_write.ts";
