import { assertEquals, assertThrows } from "@std/assert";
import { TENANTS_MAX } from "../../../src/broker/limits.ts";
import { Tenants } from "../../../src/broker/tenants.ts";
import { LimitError } from "../../../src/protocol/errors.ts";

const ORG = { tenant: "org", secret: "1234" };

Deno.test("of() takes the text behind the first dot for a tenant only when that is listed", () => {
  const tenants = new Tenants([]);
  assertEquals(tenants.of("a.org"), ".");
  tenants.put(ORG);
  assertEquals(["a.org", "a.b.org", "a.com", "a"].map((name) => tenants.of(name)), [
    "org",
    ".",
    ".",
    ".",
  ]);
});

Deno.test("the root alone sets nobody apart", () => {
  const tenants = new Tenants([{ tenant: ".", secret: "0" }]);
  assertEquals(tenants.isApart, false);
  tenants.put(ORG);
  assertEquals(tenants.isApart, true);
  assertEquals(tenants.remove("org"), true);
  assertEquals([tenants.isApart, tenants.remove("org")], [false, false]);
});

Deno.test("a tenant of the settings stays, with a remembered PIN before its own", () => {
  const tenants = new Tenants([ORG]);
  tenants.put({ tenant: "org", secret: "5678" });
  assertEquals(tenants.secretOf("org"), "5678");
  tenants.remove("org");
  assertEquals(tenants.secretOf("org"), "1234");
  assertEquals([tenants.isFixed("org"), tenants.isFixed("com")], [true, false]);
  assertEquals([tenants.names(), tenants.remembered()], [["org"], []]);
});

Deno.test("put() refuses one tenant more than the limit", () => {
  const tenants = new Tenants([]);
  for (let n = 0; n < TENANTS_MAX; n++) tenants.put({ tenant: `t${n}`, secret: "1" });
  tenants.put({ tenant: "t0", secret: "2" });
  assertThrows(() => tenants.put(ORG), LimitError, "org");
});
