import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  MethodExceptionError,
  MethodNotFoundError,
  MethodUnavailableError,
  TargetDownError,
  TargetNotFoundError,
  TimeoutError,
} from "../../src/protocol/errors.ts";
import { VERSION } from "../../src/util/version.ts";
import { MATRIX, startHarness, testMatrix } from "../helpers/harness.ts";

testMatrix("12 rid, version and uptime of the broker can be called", async (h) => {
  const cli = await h.connect("cli");
  assertEquals(await cli.rpc("rid"), "broker");
  assertEquals(await cli.rpc("version"), `deno_${VERSION}`);
  const uptime = await cli.rpc("uptime");
  assert(typeof uptime === "string" && uptime.startsWith("up for "));
});

testMatrix("13 an anonymous component can call", async (h) => {
  assertEquals(await (await h.connect()).rpc("rid"), "broker");
});

testMatrix("42 sync and async services of the broker return their value", async (h) => {
  await h.broker.handle.expose("add", (x: number, y: number) => x + y);
  await h.broker.handle.expose("later", async (x: number) => await Promise.resolve(x * 2));
  const cli = await h.connect("cli");
  assertEquals(await cli.rpc("add", 1, 2), 3);
  assertEquals(await cli.rpc("later", 4), 8);
});

testMatrix("43 a service of a component is reached through the broker", async (h) => {
  const srv = await h.connect("srv");
  await srv.expose("sub", (x: number, y: number) => x - y);
  assertEquals(await (await h.connect("cli")).rpc("sub", 5, 3), 2);
});

testMatrix("44 a handler that asks for its context gets ctx and node", async (h) => {
  const shared = { calls: 0 };
  h.broker.handle.inject(shared);
  await h.broker.handle.expose(
    "who",
    (x: number, context: { ctx: typeof shared; from: string; node: { rid: string } }) => {
      context.ctx.calls += x;
      return [context.from, context.node.rid];
    },
    { context: true },
  );
  assertEquals(await (await h.connect("cli")).rpc("who", 2), ["cli", "cli"]);
  assertEquals(shared.calls, 2);
});

testMatrix("45 rid works when a context is injected", async (h) => {
  h.broker.handle.inject({});
  assertEquals(await (await h.connect("cli")).rpc("rid"), "broker");
});

testMatrix("46 an unknown method answers 42 with its name", async (h) => {
  const cli = await h.connect("cli");
  const error = await assertRejects(() => cli.rpc("nope"), MethodNotFoundError);
  assertEquals([error.status, error.data, error.message], [42, "nope", "METHOD_NOT_FOUND:nope"]);
});

testMatrix("47 a missing argument answers 40 with a text", async (h) => {
  const srv = await h.connect("srv");
  await srv.expose("add", (x: number, y: number) => x + y);
  const cli = await h.connect("cli");
  const error = await assertRejects(() => cli.rpc("add", 1), MethodExceptionError);
  assert(String(error.data).includes("argument"));
});

testMatrix("48 direct() to the name of the broker runs its service", async (h) => {
  const cli = await h.connect("cli");
  assertEquals(await cli.direct("broker", "rid"), "broker");
  const srv = await h.connect("srv");
  await srv.expose("remote", () => "from srv");
  assertEquals(await cli.direct("broker", "remote"), "from srv");
});

testMatrix(
  "49 direct() reaches a component, and fails typed when it is away or unknown",
  async (h) => {
    const srv = await h.connect("srv");
    await srv.expose("who", () => "srv");
    const cli = await h.connect("cli");
    assertEquals(await cli.direct("srv", "who"), "srv");
    assertEquals(await cli.direct("srv", "rid"), "srv");
    await assertRejects(() => cli.direct("srv", "nope"), MethodNotFoundError);
    await srv.close();
    await assertRejects(() => cli.direct("srv", "who"), TargetDownError);
    await assertRejects(() => cli.direct("nobody", "who"), TargetNotFoundError);
  },
);

for (const cell of MATRIX) {
  Deno.test(`51 round_robin alternates between two exposers (${cell.transport}, ${cell.encoding})`, async () => {
    await using h = await startHarness(cell, { policy: "round_robin" });
    const one = await h.connect("one");
    const two = await h.connect("two");
    await one.expose("who", () => 1);
    await two.expose("who", () => 2);
    const cli = await h.connect("cli");
    assertEquals([await cli.rpc("who"), await cli.rpc("who"), await cli.rpc("who")], [1, 2, 1]);
    await two.close();
    assertEquals([await cli.rpc("who"), await cli.rpc("who")], [1, 1]);
  });

  Deno.test(`53 less_busy picks the first of idle exposers (${cell.transport}, ${cell.encoding})`, async () => {
    await using h = await startHarness(cell, { policy: "less_busy" });
    const one = await h.connect("one");
    const two = await h.connect("two.with.dots");
    const gate = Promise.withResolvers<void>();
    await one.expose("who", async (wait?: boolean) => {
      if (wait === true) await gate.promise;
      return 1;
    });
    await two.expose("who", () => 2);
    const cli = await h.connect("cli");
    assertEquals(await cli.rpc("who", false), 1);
    const slow = cli.rpc("who", true);
    assertEquals(await cli.rpc("who", false), 2);
    gate.resolve();
    assertEquals(await slow, 1);
    await one.close();
    assertEquals(await cli.rpc("who", false), 2);
  });
}

testMatrix("52, 54 after unexpose() by function or name, calls fail", async (h) => {
  const srv = await h.connect("srv");
  function named(): string {
    return "named";
  }
  await srv.expose(named);
  await srv.expose("other", () => "other");
  const cli = await h.connect("cli");
  assertEquals([await cli.rpc("named"), await cli.rpc("other")], ["named", "other"]);
  await srv.unexpose(named);
  await srv.unexpose("other");
  await assertRejects(() => cli.rpc("named"), MethodUnavailableError);
  await assertRejects(() => cli.rpc("other"), MethodUnavailableError);
});

testMatrix(
  "calls to one exposer are pipelined: a slow one does not hold up the next",
  async (h) => {
    const srv = await h.connect("srv");
    const gate = Promise.withResolvers<string>();
    await srv.expose("slow", () => gate.promise);
    await srv.expose("fast", () => "fast");
    const cli = await h.connect("cli");
    const slow = cli.rpc("slow");
    assertEquals(await cli.rpc("fast"), "fast");
    gate.resolve("slow");
    assertEquals(await slow, "slow");
  },
);

testMatrix("the loss of an exposer is answered at once with 43", async (h) => {
  const srv = await h.connect("srv");
  const called = Promise.withResolvers<void>();
  await srv.expose("hang", () => {
    called.resolve();
    return new Promise(() => {});
  });
  const cli = await h.connect("cli");
  const call = assertRejects(() => cli.rpc("hang"), MethodUnavailableError);
  await called.promise;
  await srv.close();
  await call;
});

testMatrix("rpc() times out on the caller's side, typed", async (h) => {
  const srv = await h.connect("srv");
  await srv.expose("hang", () => new Promise(() => {}));
  const cli = await h.connect("cli");
  const error = await assertRejects(() => cli.with({ timeoutMs: 50 }).rpc("hang"), TimeoutError);
  assertEquals(error.message, "request timeout");
});

testMatrix("a component that is the only exposer is served by itself", async (h) => {
  const cli = await h.connect("cli");
  await cli.expose("own", (x: number) => x + 1);
  assertEquals(await cli.rpc("own", 1), 2);
});

testMatrix("the handle of the broker calls exposers, and a client by direct()", async (h) => {
  const first = await h.connect("first");
  await first.expose("other", () => "first");
  const srv = await h.connect("srv");
  await srv.expose("who", () => "srv");
  assertEquals(await h.broker.handle.rpc("who"), "srv");
  assertEquals(await h.broker.handle.direct("srv", "rid"), "srv");
  await assertRejects(() => h.broker.handle.rpc("nope"), MethodNotFoundError);
});

testMatrix("a publication never runs a service, a call never runs a subscriber", async (h) => {
  let ran = 0;
  await h.broker.handle.expose("service", () => ++ran);
  await h.broker.handle.subscribe("topic", () => ++ran);
  const cli = await h.connect("cli");
  await cli.publish("service");
  await assertRejects(() => cli.rpc("topic"), MethodNotFoundError);
  assertEquals(await cli.rpc("rid"), "broker");
  assertEquals(ran, 0);
});

testMatrix("an exception in a service answers 40 with its text", async (h) => {
  const srv = await h.connect("srv");
  await srv.expose("boom", () => {
    throw new Error("boom");
  });
  const cli = await h.connect("cli");
  const error = await assertRejects(() => cli.rpc("boom"), MethodExceptionError);
  assertEquals(error.message, "METHOD_EXCEPTION:boom");
});

for (const transport of ["memory", "websocket"] as const) {
  Deno.test(`55 in JSON calls and services work, and an unknown service raises (${transport})`, async () => {
    await using h = await startHarness({ transport, encoding: "json" });
    const srv = await h.connect("srv");
    await srv.expose("join", (...words: string[]) => ({ text: words.join(" ") }));
    const cli = await h.connect("cli");
    assertEquals(await cli.rpc("join", "a", "b"), { text: "a b" });
    assertEquals(await cli.direct("srv", "join", "c"), { text: "c" });
    await assertRejects(() => cli.rpc("nope"), MethodNotFoundError);
  });
}
