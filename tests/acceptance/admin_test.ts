import { assertEquals, assertRejects } from "@std/assert";
import { MethodNotFoundError, RembusError } from "../../src/protocol/errors.ts";
import { QoS } from "../../src/protocol/packet.ts";
import { collect, startHarness } from "../helpers/harness.ts";
import { eventually } from "../helpers/eventually.ts";

for (const encoding of ["cbor", "json"] as const) {
  const cell = { transport: "memory", encoding } as const;

  Deno.test(`78 only a listed admin changes the privacy of topics (${encoding})`, async () => {
    await using h = await startHarness(cell, { admins: ["boss"] });
    const boss = await h.connect("boss");
    const guest = await h.connect("guest");
    await boss.privateTopic("secret");
    await boss.authorize("guest", "secret");
    await boss.unauthorize("guest", "secret");
    await boss.publicTopic("secret");
    for (
      const refused of [
        () => guest.privateTopic("secret"),
        () => guest.publicTopic("secret"),
        () => guest.authorize("guest", "secret"),
        () => guest.unauthorize("guest", "secret"),
      ]
    ) {
      const error = await assertRejects(refused, RembusError);
      assertEquals(error.status, 10);
    }
  });

  Deno.test(`79 only authorized callers reach a private service (${encoding})`, async () => {
    await using h = await startHarness(cell);
    const srv = await h.connect("srv");
    await h.broker.handle.authorize("srv", "secret");
    await h.broker.handle.authorize("friend", "secret");
    await srv.expose("secret", () => 42);
    assertEquals(await (await h.connect("friend")).rpc("secret"), 42);
    const stranger = await h.connect("stranger");
    await assertRejects(() => stranger.rpc("secret"), MethodNotFoundError);
    await assertRejects(() => stranger.direct("srv", "secret"), MethodNotFoundError);
    await assertRejects(() => stranger.expose("secret", () => 0), RembusError, "unauthorized");
  });

  Deno.test(`80, 81 private topics reach authorized components only, until public again (${encoding})`, async () => {
    await using h = await startHarness(cell);
    const friend = await h.connect("friend");
    const spy = await h.connect("spy");
    await h.broker.handle.authorize("pub", "secret");
    await h.broker.handle.authorize("friend", "secret");
    const got = await collect(friend, "secret");
    const spied = await collect(spy, "**");
    await assertRejects(() => spy.subscribe("secret", () => {}), RembusError, "unauthorized");
    const pub = await h.connect("pub");
    await pub.publish("secret", 1);
    await assertRejects(
      () => spy.with({ qos: QoS.ONE }).publish("secret", 2),
      RembusError,
      "unauthorized",
    );
    await eventually(() => assertEquals(got, [[1]]));
    await h.broker.handle.publicTopic("secret");
    await spy.with({ qos: QoS.ONE }).publish("secret", 3);
    await pub.publish("secret", 4);
    await eventually(() => {
      assertEquals(got, [[1], [3], [4]]);
      assertEquals(spied, [["secret", 4]]);
    });
  });
}

Deno.test("an admin name over a socket has no admin rights", async () => {
  await using h = await startHarness({ transport: "websocket", encoding: "cbor" }, {
    admins: ["boss"],
  });
  const boss = await h.connect("boss");
  await assertRejects(() => boss.privateTopic("t"), RembusError, "unauthorized");
});
