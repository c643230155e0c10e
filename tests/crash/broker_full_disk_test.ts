// Goal: a broker whose disk is full acknowledges nothing and says why, everything else goes on, and with room again
// it keeps its word again without a restart.
// Method: a real broker on a real file system of 64 MB, filled to the last byte.
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { Component } from "../../src/peer/api.ts";
import { RembusError, Status } from "../../src/protocol/errors.ts";
import type { MsgId, Publish } from "../../src/protocol/packet.ts";
import { Payload } from "../../src/protocol/payload.ts";
import { BrokerChild } from "../helpers/broker_child.ts";
import { mountSmallDisk } from "../helpers/small_disk.ts";
import { loggedIn, rowsIn, sorted } from "../helpers/broker_child_files.ts";
import { connectChild, note, READING_SCHEMA, type Seen } from "../helpers/broker_child_load.ts";
import { eventually } from "../helpers/eventually.ts";
import { RawSession } from "../helpers/raw_session.ts";

const DISK_BYTES = 64 * 1024 * 1024;
/** What is given back. */
const RESERVE_BYTES = 32 * 1024 * 1024;
const PAD_BYTES = 50_000;
/** What a broker with a full disk takes to say no, and to do what needs no disk; in milliseconds. */
const ANSWER_MS_MAX = 1_000;
/** The disk is looked at every 5 s at the latest, and tables every 30 s; in milliseconds. */
const RECOVERY_MS_MAX = 60_000;
const WHILE_FULL = 20;

const probe = await mountSmallDisk(DISK_BYTES);
await probe?.[Symbol.asyncDispose]();
const reason = probe === null ? " (no file system may be mounted here)" : "";

Deno.test({
  name: `a broker on a full disk stops acknowledging, goes on, and recovers by itself${reason}`,
  ignore: probe === null,
  fn: async () => {
    await using disk = await mountSmallDisk(DISK_BYTES);
    if (disk === null) throw new Error("Cannot mount a second time");
    const dir = disk.path;
    const schema = `${dir}/schema.json`;
    await Deno.writeTextFile(schema, JSON.stringify(READING_SCHEMA));
    await disk.reserve(RESERVE_BYTES);
    await using child = new BrokerChild({ dir, schema, args: ["--log", "info"] });
    await child.start();
    await using meter = await Meter.connect(child);
    await using panel = await connectChild(child, "panel");
    await using plain = await PlainPeer.connect(child);
    const heard: number[] = [];
    await panel.subscribe("beat", (i: number) => void heard.push(i));
    await panel.expose("double", (i: number) => 2 * i);
    await meter.publishUntilRefused();
    await disk.fill();

    await assertGoesOn(meter, panel, heard);
    await plain.assertUnanswered();
    const full = child.lines.join("\n");
    assert(/health changed.*part=log.*health=red/.test(full), full);

    await disk.free();
    await eventually(() => meter.publish(), RECOVERY_MS_MAX);
    await plain.repeat();
    await panel.subscribe("more", () => {});
    await eventually(() => assertHealthy(child), RECOVERY_MS_MAX);
    const expected = sorted(meter.acknowledged);
    expected["plain"] = [1];
    assertEquals(sorted(await rowsIn(panel)), expected);
    for (const node of [meter, panel, plain]) await node[Symbol.asyncDispose]();
    assertEquals((await child.stop()).code, 0);
    const logged = await loggedIn(dir);
    assertEquals(sorted(logged.seen), expected);
    assertEquals(logged.damaged, 0);
  },
});

/** Publishes at QoS 2, and publishes again what was refused. */
class Meter implements AsyncDisposable {
  readonly acknowledged: Seen = new Map();
  readonly node: Component;
  #seq = 1;

  private constructor(node: Component) {
    this.node = node;
  }

  static async connect(child: BrokerChild): Promise<Meter> {
    return new Meter(await connectChild(child, "meter"));
  }

  /** The next number, or the last one again if it was refused. */
  async publish(): Promise<void> {
    const pad = "x".repeat(PAD_BYTES);
    await this.node.with({ qos: 2 }).publish("meter/reading", { seq: this.#seq, pad });
    note(this.acknowledged, "meter", this.#seq++);
  }

  async publishUntilRefused(): Promise<void> {
    for (let i = 0; i < DISK_BYTES / PAD_BYTES; i++) {
      const startedAt = performance.now();
      try {
        await this.publish();
      } catch (error) {
        assert(performance.now() - startedAt < ANSWER_MS_MAX);
        assertRefused(error);
        return;
      }
    }
    throw new Error("Cannot fill the disk: everything was acknowledged");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.node.close();
  }
}

/** A peer of another make: it knows no refusals, and repeats under one id. */
class PlainPeer implements AsyncDisposable {
  readonly #raw: RawSession;

  private constructor(raw: RawSession) {
    this.#raw = raw;
  }

  static async connect(child: BrokerChild): Promise<PlainPeer> {
    const raw = new RawSession(await child.dial(""));
    raw.send({ type: "identity", id: 1n as MsgId, cid: "plain" });
    assertEquals((await raw.next()).packet.type, "response");
    return new PlainPeer(raw);
  }

  /** Publishes; the broker answers what comes behind it, but not this. */
  async assertUnanswered(): Promise<void> {
    this.#publish();
    this.#raw.send({
      type: "rpc",
      id: 8n as MsgId,
      topic: "rid",
      target: null,
      data: NOTHING,
      extras: null,
    });
    const { packet } = await this.#raw.next();
    assertEquals([packet.type, "id" in packet && packet.id], ["response", 8n]);
  }

  /** Repeats what was not answered, and once more what was. */
  async repeat(): Promise<void> {
    for (let i = 0; i < 2; i++) {
      this.#publish();
      const { packet } = await this.#raw.next();
      assertEquals([packet.type, "id" in packet && packet.id], ["ack", 7n]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#raw[Symbol.asyncDispose]();
  }

  #publish(): void {
    const data = Payload.fromValue([{ seq: 1, pad: "" }]);
    this.#raw.send({ ...EMPTY_PUBLISH, id: 7n as MsgId, topic: "plain/reading", data });
  }
}

const NOTHING = Payload.fromValue([]);
const EMPTY_PUBLISH: Publish = {
  type: "publish",
  id: null,
  topic: "",
  qos: 2,
  slot: null,
  data: NOTHING,
  extras: null,
  frame: null,
};

/** With a full disk: no acknowledgement, a clear no for what is to be remembered, QoS 0 and calls as ever. */
async function assertGoesOn(
  meter: Meter,
  panel: Component,
  heard: readonly number[],
): Promise<void> {
  const refusal = await assertRejects(
    () => inTime(panel.subscribe("more", () => {})),
    RembusError,
  );
  assertEquals(refusal.status, Status.ERROR);
  assertStringIncludes(refusal.message, "Cannot store the subscription: the disk is full");
  for (let i = 0; i < WHILE_FULL; i++) {
    assertRefused(await assertRejects(() => inTime(meter.publish())));
    assertEquals(await inTime(meter.node.rpc("double", i)), 2 * i);
    await meter.node.publish("beat", i);
    await inTime(eventually(() => assertEquals(heard.at(-1), i)));
  }
}

function assertRefused(error: unknown): void {
  if (!(error instanceof RembusError)) throw error;
  assertEquals(error.status, Status.ERROR);
  assertStringIncludes(error.message, "No space left on device");
}

function assertHealthy(child: BrokerChild): void {
  for (const part of ["log", "state", "tables"]) {
    const last = child.lines.filter((line) => line.includes(`part=${part} `)).at(-1);
    assert(last === undefined || last.includes("health=green"), last);
  }
}

async function inTime<T>(promise: Promise<T>): Promise<T> {
  const startedAt = performance.now();
  try {
    return await promise;
  } finally {
    const tookMs = performance.now() - startedAt;
    assert(tookMs < ANSWER_MS_MAX, `it took ${tookMs} ms`);
  }
}
