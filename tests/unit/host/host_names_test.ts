import { assertEquals } from "@std/assert";
import { checkHost, ipBytes, ipText, isLoopback } from "../../../src/host/host_names.ts";

const ADDRESSES = [
  { text: "127.0.0.1", hex: "7f000001", written: "127.0.0.1" },
  { text: "::1", hex: "00000000000000000000000000000001", written: "::1" },
  { text: "::", hex: "00000000000000000000000000000000", written: "::" },
  { text: "2001:DB8::8:800:200c:417a", hex: "20010db80000000000080800200c417a", written: null },
  { text: "fe80:0:0:0:0:0:0:1", hex: "fe800000000000000000000000000001", written: "fe80::1" },
  { text: "::ffff:192.0.2.7", hex: "00000000000000000000ffffc0000207", written: "::ffff:c000:207" },
] as const;
for (const { text, hex, written } of ADDRESSES) {
  Deno.test(`ipBytes() and ipText() know ${text}`, () => {
    const bytes = ipBytes(text);
    assertEquals(bytes?.toHex(), hex);
    assertEquals(ipText(Uint8Array.fromHex(hex)), written ?? text.toLowerCase());
  });
}

for (const text of ["", "plant", "1.2.3", "1.2.3.256", "1.2.3.4.5", ":::", "g::1", "::1%eth0"]) {
  Deno.test(`ipBytes() is null for "${text}"`, () => {
    assertEquals(ipBytes(text), null);
  });
}

for (
  const name of ["localhost", "plant.example", "*.plant.example", "xn--bcher-kva.example", "a"]
) {
  Deno.test(`checkHost() takes "${name}"`, () => {
    assertEquals(checkHost(name), null);
  });
}

const WRONG = ["", "a_b", "a b", "-a", "a-", "a..b", ".a", "a.", "*", "a.*.b", "*a.b", "a/b"];
for (const name of [...WRONG, "a".repeat(64), "a.".repeat(127) + "a"]) {
  Deno.test(`checkHost() refuses "${name.slice(0, 20)}"`, () => {
    assertEquals(typeof checkHost(name), "string");
  });
}

Deno.test("isLoopback() knows the addresses that only this machine reaches", () => {
  const loopback = ["localhost", "127.0.0.1", "127.1.2.3", "::1"];
  assertEquals(loopback.filter((one) => !isLoopback(one)), []);
  const others = ["0.0.0.0", "::", "192.0.2.7", "127.evil.example", "localhost.example", ""];
  assertEquals(others.filter(isLoopback), []);
});
