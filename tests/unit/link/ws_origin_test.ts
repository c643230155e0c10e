import { assertEquals, assertThrows } from "@std/assert";
import { isOriginAllowed, readOrigins } from "../../../src/link/ws_origin.ts";

interface Case {
  readonly origin: string;
  readonly host?: string;
  /** Whether the connection came from this machine. */
  readonly local?: boolean;
  readonly secure?: boolean;
  readonly allowed?: readonly string[];
  readonly passes: boolean;
}

const CASES: readonly Case[] = [
  // Pages of this machine, from this machine.
  { origin: "http://localhost", local: true, passes: true },
  { origin: "http://localhost:5173", local: true, passes: true },
  { origin: "https://127.0.0.1:8443", local: true, passes: true },
  { origin: "http://127.9.9.9", local: true, passes: true },
  { origin: "http://[::1]:3000", local: true, passes: true },
  { origin: "http://app.localhost:3000", local: true, passes: true },
  { origin: "http://localhost", passes: false },
  { origin: "http://127.0.0.1", passes: false },
  { origin: "http://localhost.evil.example", local: true, passes: false },
  { origin: "http://127.0.0.1.evil.example", local: true, passes: false },
  { origin: "http://evil.example#localhost", local: true, passes: false },
  { origin: "http://localhost@evil.example", local: true, passes: false },
  // Pages from where they connect to.
  { origin: "http://192.0.2.7:8338", host: "192.0.2.7:8338", passes: true },
  { origin: "http://192.0.2.7", host: "192.0.2.7:80", passes: true },
  { origin: "https://192.0.2.7", host: "192.0.2.7:443", passes: true },
  { origin: "http://[2001:db8::1]:8338", host: "[2001:DB8::1]:8338", passes: true },
  { origin: "http://192.0.2.7:8339", host: "192.0.2.7:8338", passes: false },
  { origin: "http://192.0.2.8:8338", host: "192.0.2.7:8338", passes: false },
  { origin: "https://box.example:8338", host: "BOX.example:8338", secure: true, passes: true },
  { origin: "https://box.example", host: "box.example:8338", secure: true, passes: false },
  // A name that an attacker points at the broker.
  { origin: "http://evil.example:8338", host: "evil.example:8338", passes: false },
  { origin: "http://evil.example:8338", host: "evil.example:8338", local: true, passes: false },
  // Listed ones.
  { origin: "https://app.example.org", allowed: ["https://app.example.org/"], passes: true },
  { origin: "https://APP.example.org:443", allowed: ["https://app.example.org"], passes: true },
  { origin: "http://app.example.org", allowed: ["https://app.example.org"], passes: false },
  { origin: "https://app.example.org:8443", allowed: ["https://app.example.org"], passes: false },
  { origin: "https://x.app.example.org", allowed: ["https://app.example.org"], passes: false },
  { origin: "https://anything.example", allowed: ["*"], passes: true },
  { origin: "null", allowed: ["*"], passes: true },
  // What is no origin.
  { origin: "null", local: true, allowed: ["https://app.example.org"], passes: false },
  { origin: "", local: true, passes: false },
  { origin: "file://", local: true, passes: false },
  { origin: "localhost", local: true, passes: false },
  { origin: "http://192.0.2.7", host: "192.0.2.7/x", passes: false },
  { origin: "http://192.0.2.7", host: "", passes: false },
];

for (const { origin, host = "broker:8338", local, secure, allowed = [], passes } of CASES) {
  const whence = `${local === true ? "this machine" : "elsewhere"}${
    secure === true ? ", TLS" : ""
  }`;
  const list = allowed.length === 0 ? "" : `, allowed ${allowed}`;
  Deno.test(`isOriginAllowed() says ${passes} to "${origin}" for "${host}" (${whence}${list})`, () => {
    const rule = {
      isLocal: local === true,
      isSecure: secure === true,
      allowed: readOrigins(allowed),
    };
    assertEquals(isOriginAllowed(origin, host, rule), passes);
  });
}

Deno.test("readOrigins() throws for what is no origin", () => {
  for (
    const origin of ["", "null", "app.example.org", "https://app.example.org/path", "https://"]
  ) {
    assertThrows(() => readOrigins([origin]), TypeError, `Cannot allow origin "${origin}"`);
  }
});
