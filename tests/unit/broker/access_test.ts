import { assert, assertEquals } from "@std/assert";
import { newAccess } from "../../helpers/access.ts";

const ALICE = { name: "alice", isBroker: false };
const BROKER = { name: "broker", isBroker: true };
const ADMIN = { name: "root", isBroker: false, isAdmin: true };
const ORG = { tenant: "org", secret: "1" };

Deno.test("can() lets everybody use a public topic", () => {
  const access = newAccess();
  access.topics.makePrivate("other");
  assertEquals(access.can(ALICE, "publish", "t"), true);
  assertEquals(access.judges("t"), false);
});

Deno.test("can() lets nobody but authorized names and the broker use a private topic", () => {
  const access = newAccess();
  access.topics.makePrivate("t");
  for (const action of ["publish", "subscribe", "receive", "expose", "call"] as const) {
    assertEquals(access.can(ALICE, action, "t"), false, action);
    assertEquals(access.can(ADMIN, action, "t"), false, action);
    assertEquals(access.can(BROKER, action, "t"), true, action);
  }
  access.topics.authorize("alice", "t");
  assertEquals(access.can(ALICE, "publish", "t"), true);
  access.topics.unauthorize("alice", "t");
  assertEquals(access.can(ALICE, "publish", "t"), false);
});

Deno.test("can() adds up the names of all rules that cover a topic", () => {
  const access = newAccess();
  access.topics.authorize("alice", "plant/*");
  access.topics.authorize("bob", "plant/one");
  assert(access.can(ALICE, "receive", "plant/one"));
  assert(access.can({ ...ALICE, name: "bob" }, "receive", "plant/one"));
  assert(!access.can({ ...ALICE, name: "bob" }, "receive", "plant/two"));
});

Deno.test("a space is open to all, unless a rule is for that very pattern", () => {
  const access = newAccess();
  access.topics.makePrivate("**");
  assert(access.can(ALICE, "subscribe", "plant/*"));
  assert(!access.can(ALICE, "subscribe", "plant/one"));
  access.topics.makePrivate("plant/*");
  assert(!access.can(ALICE, "subscribe", "plant/*"));
});

Deno.test("mayReceive() keeps messages in their tenant; those of the broker are for the root", () => {
  const access = newAccess({ tenants: [ORG] });
  const org = { name: "a.org", isBroker: false };
  assert(access.mayReceive(org, "t", "b.org"));
  assert(!access.mayReceive(org, "t", "b.com"));
  assert(!access.mayReceive(ALICE, "t", "b.org"));
  assert(access.mayReceive(ALICE, "t", "b.com"), "a domain that is not listed is only text");
  assert(access.mayReceive(ALICE, "t", "broker"));
  assert(!access.mayReceive(org, "t", "broker"));
  assert(access.mayReceive(BROKER, "t", "b.org"));
});

Deno.test("only an admin may change code", () => {
  const access = newAccess();
  for (const topic of ["deno_service_install", "deno_subscriber_list"]) {
    assert(!access.can(ALICE, "call", topic));
    assert(access.can(ADMIN, "call", topic));
  }
});

Deno.test("a table is as private as what can fill it", () => {
  const access = newAccess({ tables: [{ name: "sensor", topic: ":site/:dn/sensor" }] });
  for (const verb of ["query", "upsert", "delete"]) {
    assert(access.can(ALICE, "call", `${verb}_sensor`), verb);
  }
  access.topics.authorize("bob", "turin/a/sensor");
  assert(!access.can(ALICE, "call", "query_sensor"));
  assert(access.can({ ...ALICE, name: "bob" }, "call", "query_sensor"));
  access.topics.makePublic("turin/a/sensor");
  access.topics.makePrivate("turin/a/pump");
  assert(access.can(ALICE, "call", "query_sensor"), "no message there is one of the table");
});

Deno.test("a grant on the service of a table decides, whatever fills it", () => {
  const access = newAccess({
    tables: [{ name: "sensor", topic: ":site/sensor" }],
    tenants: [ORG],
  });
  access.topics.makePrivate("turin/sensor");
  access.topics.authorize("alice", "query_sensor");
  access.topics.authorize("a.org", "query_sensor");
  assert(access.can(ALICE, "call", "query_sensor"));
  assert(access.can({ name: "a.org", isBroker: false }, "call", "query_sensor"));
  assert(!access.can(ALICE, "call", "delete_sensor"));
});

Deno.test("a table has rows of all tenants: only the root gets in without a grant", () => {
  const access = newAccess({ tables: [{ name: "sensor", topic: "sensor" }], tenants: [ORG] });
  assert(access.can(ALICE, "call", "query_sensor"));
  assert(!access.can({ name: "a.org", isBroker: false }, "call", "query_sensor"));
});

Deno.test("a service belongs to the first who exposed it with a key, in its tenant", () => {
  const registered = new Set(["owner", "o.org"]);
  const access = newAccess({
    tenants: [ORG],
    sharedServices: ["shared/*"],
    isRegistered: (name) => registered.has(name),
    exposersOf: () => ["owner", "o.org", "guest"],
  });
  assertEquals(access.ownerOf("service", "alice"), "owner");
  assertEquals(access.ownerOf("service", "x.org"), "o.org");
  assertEquals(access.ownerOf("service", "owner"), null);
  assertEquals(access.ownerOf("shared/one", "alice"), null);
  assert(!access.can(ALICE, "expose", "service"));
  assertEquals(access.givingWay("service", "owner"), ["guest"]);
  assertEquals(access.givingWay("service", "alice"), []);
  assertEquals(access.givingWay("shared/one", "owner"), []);
});

Deno.test("judge() says which rule decides", () => {
  const access = newAccess();
  access.topics.authorize("bob", "plant/*");
  assertEquals(access.judge(ALICE, "publish", "plant/one"), {
    allowed: false,
    rule: 'private by "plant/*", where "alice" is not authorized',
  });
  assertEquals(access.judge({ ...ALICE, name: "bob" }, "publish", "plant/one"), {
    allowed: true,
    rule: '"bob" is authorized on "plant/*"',
  });
  assertEquals(access.judge(ALICE, "publish", "t"), {
    allowed: true,
    rule: "the topic is public",
  });
});
