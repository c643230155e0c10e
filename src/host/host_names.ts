const IPV4_PARTS = 4;
const IPV6_GROUPS = 8;
const BYTE_MAX = 255;
const HEX = 16;
const NAME_MAX = 253;
const LABEL = "(?!-)[a-z0-9-]{1,63}(?<!-)";
/** Labels of letters, digits and hyphens, the first one possibly a `*`. */
const HOST = new RegExp(`^(?:\\*\\.)?${LABEL}(?:\\.${LABEL})*$`, "i");
const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|::1|\[::1\])$/;

/** Whether only this machine can connect to an address that is listened on. */
export function isLoopback(hostname: string): boolean {
  return LOOPBACK.test(hostname);
}

/** What is wrong with a host name, the second half of a sentence; `null` when nothing is. */
export function checkHost(name: string): string | null {
  if (name.length <= NAME_MAX && HOST.test(name)) return null;
  return `expected a host name or an address, got "${name}"`;
}

/** The bytes of an IP address, 4 or 16 of them; `null` for a text that is none. */
export function ipBytes(text: string): Uint8Array<ArrayBuffer> | null {
  return ipv4Bytes(text) ?? ipv6Bytes(text);
}

function ipv4Bytes(text: string): Uint8Array<ArrayBuffer> | null {
  const parts = text.split(".");
  const isAddress = parts.length === IPV4_PARTS &&
    parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= BYTE_MAX);
  return isAddress ? Uint8Array.from(parts, Number) : null;
}

function ipv6Bytes(text: string): Uint8Array<ArrayBuffer> | null {
  if (!text.includes(":")) return null;
  // The parser of the platform knows every way to write one, and writes all in one.
  const hostname = URL.parse(`ws://[${text}]/`)?.hostname;
  if (hostname === undefined) return null;
  const [head = "", tail] = hostname.slice(1, -1).split("::");
  const groups = (part: string | undefined): string[] =>
    part === undefined || part === "" ? [] : part.split(":");
  const before = groups(head);
  const after = groups(tail);
  const zeros = Array<string>(IPV6_GROUPS - before.length - after.length).fill("0");
  const bytes = [...before, ...zeros, ...after].flatMap((group) => {
    const value = parseInt(group, HEX);
    return [value >> 8, value & BYTE_MAX];
  });
  return Uint8Array.from(bytes);
}

/** The text of an IP address of 4 or 16 bytes. */
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === IPV4_PARTS) return bytes.join(".");
  const groups = Array.from({ length: IPV6_GROUPS }, (_, at) => {
    const [high = 0, low = 0] = bytes.subarray(2 * at);
    return (high << 8 | low).toString(HEX);
  });
  return (URL.parse(`ws://[${groups.join(":")}]/`)?.hostname ?? "").replace(/^\[|\]$/g, "");
}
