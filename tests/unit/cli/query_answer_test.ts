import { assertEquals, assertRejects } from "@std/assert";
import { CommandError } from "../../../src/cli/exit.ts";
import { queryTable } from "../../../src/cli/query_answer.ts";
import type { Caller } from "../../../src/cli/table_list.ts";
import { Tagged } from "../../../src/protocol/cbor.ts";
import { callError, Status, TimeoutError } from "../../../src/protocol/errors.ts";
import { TABLES_SERVICE } from "../../../src/store/tables_answer.ts";
import { weatherFrame } from "./frames.ts";

/** A broker with these services. */
function broker(services: Readonly<Record<string, (argument: unknown) => unknown>>): Caller {
  return {
    rpc(service: string, argument?: unknown): Promise<unknown> {
      const answer = services[service];
      if (answer === undefined) {
        return Promise.reject(callError(Status.METHOD_NOT_FOUND, service, service));
      }
      return new Promise((resolve) => resolve(answer(argument)));
    },
  };
}

async function failure(node: Caller, table = "telemetry"): Promise<string> {
  return (await assertRejects(() => queryTable(node, table, {}), CommandError)).message;
}

Deno.test("queryTable() passes the argument on and gives the bytes of the frame", async () => {
  const bytes = weatherFrame();
  const asked: unknown[] = [];
  const node = broker({
    query_telemetry(argument) {
      asked.push(argument);
      return new Tagged(80, bytes);
    },
  });
  assertEquals(await queryTable(node, "telemetry", { limit: 1 }), bytes);
  assertEquals(asked, [{ limit: 1 }]);
});

Deno.test("queryTable() tells the words with which the broker refuses", async () => {
  const node = broker({
    query_telemetry() {
      throw callError(Status.METHOD_EXCEPTION, "query_telemetry", "invalid keys: were");
    },
  });
  assertEquals(await failure(node), 'Cannot query "telemetry": invalid keys: were');
});

Deno.test("queryTable() tells which tables there are when the one that is wanted is none", async () => {
  const tables = ["telemetry", "sensor"].map((table) => ({ table, topic: table, columns: [] }));
  const node = broker({ [TABLES_SERVICE]: () => ({ tables }) });
  assertEquals(
    await failure(node, "telemtry"),
    'Cannot query "telemtry": the broker has no such table; did you mean "telemetry"? ' +
      "(it has telemetry, sensor)",
  );
  assertEquals(
    await failure(broker({ [TABLES_SERVICE]: () => ({ tables: [] }) })),
    'Cannot query "telemetry": the broker has no tables',
  );
  assertEquals(
    await failure(broker({})),
    'Cannot query "telemetry": the broker has no tables, or does not show them',
  );
});

Deno.test("queryTable() does not take another answer for rows, or another error for a refusal", async () => {
  assertEquals(
    await failure(broker({ query_telemetry: () => [1] })),
    'Cannot query "telemetry": expected a data frame as the answer',
  );
  const slow = broker({
    query_telemetry() {
      throw new TimeoutError();
    },
  });
  await assertRejects(() => queryTable(slow, "telemetry", {}), TimeoutError);
});
