import { Fifo } from "../util/fifo.ts";
import { UPGRADES_PER_ADDRESS_MAX, WAITING_PER_ADDRESS_MAX } from "./limits.ts";

/** One address: how many of its logins are pending, and which connections wait. */
interface Entry<T> {
  running: number;
  readonly waiting: Fifo<T>;
}

/**
 * Limits how many upgrades and logins of one address are pending at once (D28), so that an address which opens
 * connections and says nothing keeps nobody else out. Loopback is not limited.
 */
export class UpgradeGate<T> {
  /** Address, or network of an IPv6 address -> its entry; only while something of it runs. */
  readonly #entries = new Map<string, Entry<T>>();

  /** Whether a connection may begin, has to wait until `leave` gives it back, or is one too many. */
  enter(address: string, connection: T): "begin" | "wait" | "refuse" {
    if (isLoopback(address)) return "begin";
    const network = networkOf(address);
    const entry = this.#entries.get(network);
    if (entry === undefined) {
      this.#entries.set(network, { running: 1, waiting: new Fifo() });
      return "begin";
    }
    if (entry.running < UPGRADES_PER_ADDRESS_MAX) {
      entry.running++;
      return "begin";
    }
    if (entry.waiting.length >= WAITING_PER_ADDRESS_MAX) return "refuse";
    entry.waiting.push(connection);
    return "wait";
  }

  /** An upgrade failed, or a login is done. Gives the connection that may begin in its place. */
  leave(address: string): T | undefined {
    const network = networkOf(address);
    const entry = this.#entries.get(network);
    if (entry === undefined) return undefined;
    const next = entry.waiting.shift();
    if (next === undefined && --entry.running === 0) this.#entries.delete(network);
    return next;
  }

  /** Takes every connection that waits. */
  drain(): T[] {
    return [...this.#entries.values()].flatMap((entry) => entry.waiting.drain());
  }
}

/** Whether an address is one of this machine itself. */
export function isLoopback(address: string): boolean {
  return address === "::1" || /^(::ffff:)?127\.\d+\.\d+\.\d+$/i.test(address);
}

const GROUPS = 8;
/** Groups of an IPv6 address that name a network; one host may have all the addresses in it. */
const NETWORK_GROUPS = 4;

/** What is counted as one address: an IPv4 address, or the /64 network of an IPv6 address. */
export function networkOf(address: string): string {
  if (!address.includes(":") || address.includes(".")) return address;
  const [head = "", tail] = address.split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const last = tail === "" ? [] : tail.split(":");
    while (groups.length + last.length < GROUPS) groups.push("0");
    groups.push(...last);
  }
  return `${groups.slice(0, NETWORK_GROUPS).join(":")}::/64`;
}
