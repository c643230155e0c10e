import { Access, type AccessParts } from "../../src/broker/access.ts";

/** A gate of a broker without anything special, unless a test says so. */
export function newAccess(parts: Partial<AccessParts> = {}): Access {
  return new Access({
    name: "broker",
    spaces: true,
    tables: [],
    tenants: [],
    sharedServices: [],
    isRegistered: () => false,
    exposersOf: () => [],
    ...parts,
  });
}
