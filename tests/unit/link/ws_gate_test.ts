import { assertEquals } from "@std/assert";
import { isLoopback, networkOf, UpgradeGate } from "../../../src/link/ws_gate.ts";

const ADDRESS = "203.0.113.7";

Deno.test("enter() lets 100 of one address begin and the next one wait", () => {
  const gate = new UpgradeGate<number>();
  for (let i = 0; i < 100; i++) assertEquals(gate.enter(ADDRESS, i), "begin");
  assertEquals(gate.enter(ADDRESS, 100), "wait");
  assertEquals(gate.enter("203.0.113.8", 101), "begin");
});

Deno.test("enter() lets 900 of one address wait and refuses the next one", () => {
  const gate = new UpgradeGate<number>();
  for (let i = 0; i < 100; i++) gate.enter(ADDRESS, i);
  for (let i = 0; i < 900; i++) assertEquals(gate.enter(ADDRESS, i), "wait");
  assertEquals(gate.enter(ADDRESS, 900), "refuse");
});

Deno.test("leave() gives the one that waited longest its turn", () => {
  const gate = new UpgradeGate<number>();
  for (let i = 0; i < 102; i++) gate.enter(ADDRESS, i);
  assertEquals(gate.leave(ADDRESS), 100);
  assertEquals(gate.leave(ADDRESS), 101);
  assertEquals(gate.enter(ADDRESS, 102), "wait");
  assertEquals(gate.leave(ADDRESS), 102);
  for (let i = 0; i < 100; i++) assertEquals(gate.leave(ADDRESS), undefined);
  assertEquals(gate.enter(ADDRESS, 103), "begin");
});

Deno.test("enter() does not count loopback", () => {
  const gate = new UpgradeGate<number>();
  for (let i = 0; i < 10_000; i++) assertEquals(gate.enter("127.0.0.1", i), "begin");
  assertEquals(gate.leave("127.0.0.1"), undefined);
});

Deno.test("drain() takes all that wait", () => {
  const gate = new UpgradeGate<number>();
  for (let i = 0; i < 103; i++) gate.enter(ADDRESS, i);
  assertEquals(gate.drain(), [100, 101, 102]);
  assertEquals(gate.leave(ADDRESS), undefined);
});

Deno.test("isLoopback() knows every form of the address of this machine", () => {
  for (const one of ["127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1", "::FFFF:127.0.0.1"]) {
    assertEquals(isLoopback(one), true, one);
  }
  for (const one of ["10.0.0.1", "::", "::2", "1270.0.0.1", "127.0.0.1.evil", ""]) {
    assertEquals(isLoopback(one), false, one);
  }
});

Deno.test("networkOf() counts all addresses of an IPv6 network as one", () => {
  const networks = [
    ["192.0.2.1", "192.0.2.1"],
    ["::ffff:192.0.2.1", "::ffff:192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::9", "2001:db8:1:2::/64"],
    ["2001:db8::9", "2001:db8:0:0::/64"],
    ["fe80::1", "fe80:0:0:0::/64"],
  ] as const;
  for (const [address, network] of networks) assertEquals(networkOf(address), network);
});

Deno.test("UpgradeGate limits the addresses of an IPv6 network together", () => {
  const gate = new UpgradeGate<number>();
  for (let host = 0; host < 100; host++) {
    assertEquals(gate.enter(`2001:db8::${host.toString(16)}`, host), "begin");
  }
  assertEquals(gate.enter("2001:db8::ffff", 100), "wait");
  assertEquals(gate.enter("2001:db8:0:1::1", 101), "begin");
  assertEquals(gate.leave("2001:db8::7"), 100);
});
