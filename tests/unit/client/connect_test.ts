import { assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../../src/client/connect.ts";
import type { ConnectOptions } from "../../../src/client/options.ts";
import { ConnectionClosedError } from "../../../src/protocol/errors.ts";
import { FakeBroker, idle } from "../../helpers/fake_broker.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";

function options(broker: FakeBroker) {
  return { dial: broker.dial, clock: new ManualClock(), heartbeatMs: 0 };
}

Deno.test("connect() rejects when the broker is away, also when an option says otherwise", async () => {
  const broker = new FakeBroker();
  broker.isUp = false;
  const untyped = { ...options(broker), startAnyway: true } as ConnectOptions;
  await assertRejects(() => connect("me", untyped), ConnectionClosedError, "nobody there");
  assertEquals(broker.dials, 1);
});

Deno.test("connect() gives a component that ends with its link", async () => {
  const broker = new FakeBroker();
  const given = options(broker);
  const node = await connect("me", given);
  const events = node.events();
  const stream = node.messages("s");
  await idle();
  broker.answer = () => null;
  const failed = [
    assertRejects(() => node.rpc("svc"), ConnectionClosedError),
    assertRejects(() => node.subscribe("t", () => {}), ConnectionClosedError),
    assertRejects(() => node.with({ qos: 1 }).publish("t"), ConnectionClosedError),
    assertRejects(() => stream.next(), ConnectionClosedError, "lost: 1001 going away"),
  ];
  await idle();
  broker.last.close(1001, "going away");
  await Promise.all(failed);
  await node.wait();
  assertEquals([node.isOpen, broker.dials, given.clock.pending], [false, 1, 0]);
  const seen: string[] = [];
  for await (const event of events) seen.push(event.type);
  assertEquals(seen, ["disconnected", "closed"]);
  await assertRejects(() => node.subscribe("t", () => {}), ConnectionClosedError);
  await node.close();
});

Deno.test("connect() gives a component whose loops end quietly when it is closed on purpose", async () => {
  const broker = new FakeBroker();
  const node = await connect("me", options(broker));
  const stream = node.messages("s");
  const next = stream.next();
  await node.close();
  assertEquals((await next).done, true);
});
