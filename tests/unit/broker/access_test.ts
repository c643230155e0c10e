import { assertEquals, assertThrows } from "@std/assert";
import { Access } from "../../../src/broker/access.ts";
import { PRIVATE_TOPICS_MAX } from "../../../src/broker/limits.ts";
import { LimitError } from "../../../src/protocol/errors.ts";

const ALICE = { name: "alice", isBroker: false };
const BROKER = { name: "broker", isBroker: true };

Deno.test("can() lets everybody use a public topic", () => {
  const access = new Access();
  access.makePrivate("other");
  assertEquals(access.can(ALICE, "publish", "t"), true);
  assertEquals(access.isPrivate("t"), false);
});

Deno.test("can() lets nobody but authorized names and the broker use a private topic", () => {
  const access = new Access();
  access.makePrivate("t");
  for (const action of ["publish", "subscribe", "receive", "expose", "call"] as const) {
    assertEquals(access.can(ALICE, action, "t"), false, action);
    assertEquals(access.can(BROKER, action, "t"), true, action);
  }
  access.authorize("alice", "t");
  assertEquals(access.can(ALICE, "publish", "t"), true);
  access.unauthorize("alice", "t");
  assertEquals(access.can(ALICE, "publish", "t"), false);
});

Deno.test("makePrivate() keeps an existing set; makePublic() drops it", () => {
  const access = new Access();
  access.authorize("alice", "t");
  access.makePrivate("t");
  assertEquals(access.list(), Object.assign(Object.create(null), { t: ["alice"] }));
  access.makePublic("t");
  access.makePrivate("t");
  assertEquals(access.can(ALICE, "call", "t"), false);
});

Deno.test("unauthorize() does nothing on a public topic", () => {
  const access = new Access();
  access.unauthorize("alice", "t");
  assertEquals(access.isPrivate("t"), false);
});

Deno.test("makePrivate() refuses one topic more than the limit", () => {
  const access = new Access();
  for (let n = 0; n < PRIVATE_TOPICS_MAX; n++) access.makePrivate(`t${n}`);
  access.makePrivate("t0");
  assertThrows(() => access.makePrivate("one more"), LimitError, "one more");
  access.makePublic("t0");
  access.makePrivate("one more");
});

Deno.test("authorize() refuses one name more than the limit", () => {
  const access = new Access();
  for (let n = 0; n < PRIVATE_TOPICS_MAX; n++) access.authorize(`c${n}`, "t");
  access.authorize("c0", "t");
  assertThrows(() => access.authorize("one-more", "t"), LimitError, "one-more");
});
