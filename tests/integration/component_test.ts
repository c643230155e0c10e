import { assertEquals, assertRejects } from "@std/assert";
import { Broker } from "../../src/broker/broker.ts";
import { component } from "../../src/client/component.ts";
import type { Listener } from "../../src/link/link.ts";
import { listenWebSocket } from "../../src/link/ws_listener.ts";
import { ConnectionClosedError, RembusError } from "../../src/protocol/errors.ts";
import { eventually } from "../helpers/eventually.ts";

// Components over real sockets whose broker dies, hangs, or comes back as another one.

/** A broker on a port; 0 takes any free one. */
class Served implements AsyncDisposable {
  readonly broker: Broker;
  readonly listener: Listener;

  constructor(name: string, port = 0) {
    this.broker = new Broker({ name, drainMs: 0 });
    this.listener = listenWebSocket({
      hostname: "127.0.0.1",
      port,
      onLink: (link) => this.broker.accept(link),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener.close();
    await this.broker.close();
  }
}

/** Passes bytes between a component and its broker until it is told to go silent, as a dead cable. */
class Cable implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.TcpConn>();
  readonly #running: Promise<void>;
  /** Connections that were made through it. */
  count = 0;
  isSilent = false;

  constructor(targetPort: number) {
    this.#running = this.#accept(targetPort);
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#listener.addr.port}`;
  }

  async #accept(port: number): Promise<void> {
    const pumps: Promise<void>[] = [];
    for await (const near of this.#listener) {
      this.count++;
      this.isSilent = false;
      const far = await Deno.connect({ hostname: "127.0.0.1", port });
      for (const conn of [near, far]) this.#open.add(conn);
      pumps.push(this.#pump(near, far), this.#pump(far, near));
    }
    await Promise.all(pumps);
  }

  async #pump(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const bytes = new Uint8Array(65_536);
    try {
      for (let read = await from.read(bytes); read !== null; read = await from.read(bytes)) {
        if (!this.isSilent) await writeAll(to, bytes.subarray(0, read));
      }
    } catch {
      // The other end is gone: so is this one.
    }
    for (const conn of [from, to]) {
      if (this.#open.delete(conn)) conn.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of this.#open) conn.close();
    this.#open.clear();
    await this.#running;
  }
}

async function writeAll(conn: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

for (const encoding of ["cbor", "json"] as const) {
  Deno.test(`a broker that dies in the middle of everything and comes back empty is no end (${encoding})`, async () => {
    const first = new Served("first");
    const { url, port } = first.listener;
    const options = { encoding, reconnectMaxMs: 200 };
    await using worker = await component(`${url}/worker`, options);
    await using client = await component(`${url}/client`, options);
    const got = new Set<unknown>();
    const looped = new Set<unknown>();
    await worker.subscribe("jobs", (n: number) => void got.add(n), { from: Infinity });
    const loop = (async () => {
      for await (const { data } of worker.messages("**")) looped.add(data);
    })();
    const never = Promise.withResolvers<void>();
    await worker.expose("hang", () => never.promise);
    await worker.expose("double", (n: number) => 2 * n);

    // 43 when the broker still said that the exposer is gone, else the loss of the own link.
    const hanging = assertRejects(() => client.rpc("hang"), RembusError);
    const publications: Promise<void>[] = [];
    for (let n = 0; n < 200; n++) {
      publications.push(client.with({ qos: n % 2 === 0 ? 2 : 1 }).publish("jobs", n));
    }
    await eventually(() => assertEquals(got.size > 0, true));
    await first[Symbol.asyncDispose]();
    await hanging;
    const away = client.with({ qos: 2 }).publish("jobs", "while away");
    await worker.subscribe("late", () => {});
    await worker.expose("late", () => "late");

    await using second = new Served("second", port ?? 0);
    await Promise.all([...publications, away]);
    await eventually(async () => assertEquals(await client.rpc("double", 21), 42));
    assertEquals(await client.rpc("late"), "late");
    assertEquals(second.broker.component("worker")?.subscriptions.toSorted(), [
      "**",
      "jobs",
      "late",
    ]);
    await client.with({ qos: 2 }).publish("jobs", "last");
    await eventually(() => assertEquals([got.has("last"), looped.has("last")], [true, true]));
    never.resolve();
    await worker.close();
    await loop;
    await client.close();
  });
}

Deno.test("a link that goes silent is noticed and replaced, also at a broker that believes in it", async () => {
  await using served = new Served("broker");
  await using cable = new Cable(served.listener.port ?? 0);
  await using cli = await component(`${cable.url}/cli`, {
    heartbeatMs: 100,
    heartbeatTimeoutMs: 100,
    reconnectMaxMs: 50,
  });
  let calls = 0;
  await cli.expose("count", () => ++calls);
  cable.isSilent = true;
  await assertRejects(() => cli.with({ timeoutMs: 60_000 }).rpc("rid"), ConnectionClosedError);
  await eventually(async () => assertEquals(await served.broker.handle.rpc("count"), 1));
  assertEquals(cable.count > 1, true);
  await cli.close();
});

Deno.test("many components come back at once to a broker that was restarted", async () => {
  const first = new Served("first");
  const { url, port } = first.listener;
  const names = Array.from({ length: 50 }, (_, n) => `c${n}`);
  const all = await Promise.all(
    names.map((name) => component(`${url}/${name}`, { reconnectMaxMs: 300 })),
  );
  await Promise.all(all.map((one) => one.expose(`of-${one.rid}`, () => one.rid)));
  await first[Symbol.asyncDispose]();
  await using second = new Served("second", port ?? 0);
  for (const name of names) {
    await eventually(async () => assertEquals(await second.broker.handle.rpc(`of-${name}`), name));
  }
  await Promise.all(all.map((one) => one.close()));
});
