import { assertEquals, assertRejects } from "@std/assert";
import { QueryError } from "../../../src/lake/errors.ts";
import type { ToLake } from "../../../src/lake/message.ts";
import { Requests } from "../../../src/lake/requests.ts";

const query = (id: number): ToLake => ({
  type: "query",
  id,
  table: "t",
  args: new Uint8Array(),
  after: null,
});

/** Requests, and the ids that the process was asked, in order. */
function harness() {
  const requests = new Requests();
  const asked: number[] = [];
  const connect = () => requests.connect((message) => asked.push("id" in message ? message.id : 0));
  return { requests, asked, connect };
}

Deno.test("Requests.ask() sends at once when a process is ready, else when one is", async () => {
  const { requests, asked, connect } = harness();
  const answers = [requests.ask(1, query(1))];
  assertEquals(asked, []);
  connect();
  answers.push(requests.ask(2, query(2)));
  assertEquals(asked, [1, 2]);
  requests.resolve(2, "b");
  requests.resolve(1, "a");
  assertEquals(await Promise.all(answers), ["a", "b"]);
  assertEquals(requests.size, 0);
});

Deno.test("Requests.connect() asks the queries of a dead process alone, and new ones after them", async () => {
  const { requests, asked, connect } = harness();
  connect();
  const first = requests.ask(1, query(1));
  const second = requests.ask(2, query(2));
  requests.disconnect("SIGSEGV");
  const late = requests.ask(3, query(3));
  connect();
  const later = requests.ask(4, query(4));
  assertEquals(asked, [1, 2, 1]);
  requests.resolve(1, "a");
  assertEquals(asked, [1, 2, 1, 2]);
  requests.resolve(2, "b");
  assertEquals(asked, [1, 2, 1, 2, 3, 4]);
  requests.resolve(3, "c");
  requests.resolve(4, "d");
  assertEquals(await Promise.all([first, second, late, later]), ["a", "b", "c", "d"]);
});

Deno.test("Requests.disconnect() refuses the query that was alone, and goes on with the others", async () => {
  const { requests, asked, connect } = harness();
  connect();
  const deadly = assertRejects(() => requests.ask(1, query(1)), QueryError, "SIGSEGV");
  const innocent = requests.ask(2, query(2));
  requests.disconnect("SIGSEGV");
  connect();
  requests.disconnect("SIGSEGV");
  await deadly;
  connect();
  assertEquals(asked, [1, 2, 1, 2]);
  requests.resolve(2, "b");
  assertEquals(await innocent, "b");
});

Deno.test("Requests.forget() goes on with the next when nobody waits for the one that is alone", async () => {
  const { requests, asked, connect } = harness();
  connect();
  void requests.ask(1, query(1));
  const second = requests.ask(2, query(2));
  requests.disconnect("SIGKILL");
  connect();
  requests.forget(1);
  assertEquals(asked, [1, 2, 1, 2]);
  requests.resolve(2, null);
  assertEquals(await second, null);
});

Deno.test("Requests.disconnect() keeps what the tables can still tell, and refuses housekeeping", async () => {
  const { requests, asked, connect } = harness();
  connect();
  const outcome = requests.ask(1, { type: "outcome", id: 1, offset: 5 });
  const maintain = assertRejects(
    () => requests.ask(2, { type: "maintain", id: 2, keepDays: 7 }),
    QueryError,
    "the table process ended",
  );
  requests.disconnect("SIGKILL");
  await maintain;
  connect();
  assertEquals(asked, [1, 2, 1]);
  requests.resolve(1, null);
  assertEquals(await outcome, null);
});

Deno.test("Requests.rejectAll() refuses all, also those that wait for their turn", async () => {
  const { requests, connect } = harness();
  connect();
  const all = [1, 2].map((id) =>
    assertRejects(() => requests.ask(id, query(id)), QueryError, "end")
  );
  requests.disconnect("SIGKILL");
  all.push(assertRejects(() => requests.ask(3, query(3)), QueryError, "end"));
  requests.rejectAll(new QueryError("end"));
  await Promise.all(all);
  assertEquals(requests.size, 0);
});
