import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { Appended, JournalEntry } from "../../../src/broker/journal.ts";
import { QueryError } from "../../../src/lake/errors.ts";
import type { LakeHealth } from "../../../src/lake/lake_options.ts";
import { checkSchema } from "../../../src/lake/schema.ts";
import { decodeCbor, encodeCbor, Tagged } from "../../../src/protocol/cbor.ts";
import { TimeoutError } from "../../../src/protocol/errors.ts";
import { tableServices } from "../../../src/store/table_services.ts";
import { README_SCHEMA } from "../../helpers/lake_schema.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";

const READY: LakeHealth = {
  state: "ready",
  fault: null,
  message: null,
  storage: "native",
  nextOffset: 3,
  restarts: 0,
  rows: 12,
  deadLetters: 1,
};
const FRAME = Uint8Array.of(1, 2, 3);

/** A log and a lake that do what the test says, and note what they are asked. */
class Fakes {
  readonly clock = new ManualClock();
  readonly calls: unknown[] = [];
  readonly appended: JournalEntry[] = [];
  appends: Appended[] = [];
  committed: () => Promise<void> = () => Promise.resolve();
  writable: () => Promise<void> = () => Promise.resolve();
  query: () => Promise<Uint8Array> = () => Promise.resolve(FRAME);
  outcome: () => Promise<void> = () => Promise.resolve();
  readonly journal = {
    durable: 4,
    next: 5,
    append: (entry: JournalEntry): Appended => {
      this.appended.push(entry);
      return this.appends.shift() ?? { kind: "logged", offset: this.journal.next++, recvNs: 1n };
    },
    committed: () => this.committed(),
    writable: () => this.writable(),
    flush: (): Promise<number> => {
      this.calls.push("flush");
      this.journal.durable = this.journal.next - 1;
      return Promise.resolve(this.journal.durable);
    },
  };
  readonly lake = {
    health: READY,
    query: (table: string, _args: Uint8Array, options: unknown) => {
      this.calls.push([table, options]);
      return this.query();
    },
    outcome: (offset: number, options: unknown) => {
      this.calls.push([offset, options]);
      return this.outcome();
    },
  };

  async call(topic: string, args: unknown[] = [], ttlMs: number | null = 1_000): Promise<unknown> {
    const { clock, journal, lake } = this;
    const services = tableServices({ schema: checkSchema(README_SCHEMA), clock, journal, lake });
    const service = services.get(topic);
    if (service === undefined) throw new Error(`there is no ${topic}`);
    const given = { topic, args: encodeCbor(args), from: "ada", isAnonymous: false, ttlMs };
    return decodeCbor(await service(given));
  }
}

Deno.test("query_ answers with a frame that shows everything which was logged before", async () => {
  const fakes = new Fakes();
  assertEquals(await fakes.call("query_sensor"), new Tagged(80, FRAME));
  assertEquals(fakes.calls, [["sensor", { after: 5, timeoutMs: 900 }]]);
});

Deno.test("query_ makes durable what was logged before it, and only then", async () => {
  const fakes = new Fakes();
  fakes.journal.next = 9;
  await fakes.call("query_sensor");
  assertEquals(fakes.calls, ["flush", ["sensor", { after: 9, timeoutMs: 900 }]]);
});

Deno.test("query_ with fresh false waits for nothing", async () => {
  const fakes = new Fakes();
  fakes.journal.next = 9;
  await fakes.call("query_sensor", [{ fresh: false }]);
  assertEquals(fakes.calls, [["sensor", { after: 0, timeoutMs: 900 }]]);
});

Deno.test("query_ shows what is durable while the disk of the log fails", async () => {
  const fakes = new Fakes();
  fakes.journal.next = 9;
  fakes.journal.flush = () => Promise.reject(new Error("refused"));
  await fakes.call("query_sensor");
  assertEquals(fakes.calls, [["sensor", { after: 5, timeoutMs: 900 }]]);
});

Deno.test("query_ ends in time when the disk of the log does not answer", async () => {
  const fakes = new Fakes();
  fakes.journal.next = 9;
  fakes.journal.flush = () => new Promise(() => {});
  const refused = assertRejects(() => fakes.call("query_sensor"), TimeoutError);
  await fakes.clock.advance(900);
  await refused;
  assertEquals(fakes.clock.pending, 0);
});

Deno.test("query_ that waited in vain is told what is wrong with the tables", async () => {
  const fakes = new Fakes();
  fakes.lake.health = { ...READY, state: "restarting", message: "the disk is full" };
  fakes.query = () => Promise.reject(new TimeoutError("no answer"));
  const error = await assertRejects(() => fakes.call("query_sensor"), QueryError);
  assertStringIncludes(error.message, "the disk is full");
});

Deno.test("upsert_ and delete_ are commands of the log, answered with null after their outcome", async () => {
  for (const topic of ["upsert_sensor", "delete_sensor"]) {
    const fakes = new Fakes();
    assertEquals(await fakes.call(topic, [{ dn: "a" }]), null);
    assertEquals(fakes.appended, [{
      kind: "command",
      id: null,
      slot: null,
      qos: 1,
      publisher: "ada",
      isAnonymous: false,
      topic,
      data: encodeCbor([{ dn: "a" }]),
    }]);
    assertEquals(fakes.calls, [[5, { timeoutMs: 900 }]]);
  }
});

Deno.test("upsert_ waits for room in the log, and appends again", async () => {
  const fakes = new Fakes();
  fakes.appends = [{ kind: "busy" }, { kind: "busy" }];
  await fakes.call("upsert_sensor", [{}]);
  assertEquals(fakes.appended.length, 3);
});

Deno.test("upsert_ gives up in time when there is no room", async () => {
  const fakes = new Fakes();
  fakes.appends = [{ kind: "busy" }];
  fakes.writable = () => new Promise(() => {});
  const refused = assertRejects(() => fakes.call("upsert_sensor"), TimeoutError);
  await fakes.clock.advance(1_000);
  await refused;
  assertEquals(fakes.calls, []);
});

Deno.test("upsert_ is refused with the reason of the log", async () => {
  const fakes = new Fakes();
  fakes.appends = [{ kind: "refused", reason: "no space left" }];
  const error = await assertRejects(() => fakes.call("upsert_sensor"), QueryError);
  assertStringIncludes(error.message, "no space left");
});

Deno.test("upsert_ rejects when the disk fails before its record is durable, or its row is bad", async () => {
  const fakes = new Fakes();
  fakes.committed = () => Promise.reject(new Error("disk failed"));
  await assertRejects(() => fakes.call("upsert_sensor"), Error, "disk failed");
  assertEquals(fakes.calls, []);
  const others = new Fakes();
  others.outcome = () => Promise.reject(new QueryError("no column dn"));
  await assertRejects(() => others.call("upsert_sensor"), QueryError, "no column dn");
});

Deno.test("upsert_ is not logged when the tables will not come back", async () => {
  const fakes = new Fakes();
  fakes.lake.health = { ...READY, state: "failed", message: "another log" };
  await assertRejects(() => fakes.call("upsert_sensor"), QueryError, "another log");
  assertEquals(fakes.appended, []);
});

Deno.test("query___tables tells tables, columns, storage and health", async () => {
  const info = await new Fakes().call("query___tables") as Record<string, unknown>;
  const { tables, ...others } = info;
  assertEquals(others, {
    storage: "native",
    state: "ready",
    message: null,
    behind: 2,
    rows: 12,
    dead_letters: 1,
  });
  const [sensor, telemetry] = tables as { table: string; topic: string; columns: unknown[] }[];
  assertEquals([sensor?.table, sensor?.topic], ["sensor", ":site/:type/:dn/sensor"]);
  assertEquals(sensor?.columns[2], {
    name: "dn",
    type: "VARCHAR",
    nullable: true,
    key: true,
    extra: null,
  });
  assertEquals(telemetry?.columns.length, 5);
});
