import type { Packet } from "../../src/protocol/packet.ts";

/** A packet as a value that can be compared: payloads decoded, the frame it came in left out. */
export function meaning(packet: Packet): unknown {
  if (packet.type === "publish") {
    const { frame: _, data, ...rest } = packet;
    return { ...rest, data: data.args };
  }
  if (packet.type === "rpc") return { ...packet, data: packet.data.args };
  if (packet.type === "response") return { ...packet, data: packet.data.value };
  return packet;
}
