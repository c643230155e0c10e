import { assert, assertEquals } from "@std/assert";
import { type AuditEntry, type AuditNote, AuditTrail } from "../../../src/broker/audit.ts";
import { SILENT } from "../../../src/util/log.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";

const REFUSED: AuditNote = { by: "bob", remote: "memory", action: "login", outcome: "refused" };

function start(audit: (entry: AuditEntry) => void = () => {}) {
  const clock = new ManualClock();
  const entries: AuditEntry[] = [];
  const trail = new AuditTrail({
    audit: (entry) => {
      entries.push(entry);
      audit(entry);
    },
    clock,
    log: SILENT,
  });
  return { clock, entries, trail };
}

Deno.test("note() adds the time, and null for what is not told", () => {
  const { clock, entries, trail } = start();
  trail.note({ ...REFUSED, reason: "no" });
  assertEquals(entries, [{
    timeMs: Math.trunc(clock.wallMs()),
    ...REFUSED,
    subject: null,
    cid: null,
    reason: "no",
  }]);
});

Deno.test("note() counts refusals above 50 in a second, and says how many there were", async () => {
  const { clock, entries, trail } = start();
  for (let n = 0; n < 1_000; n++) trail.note(REFUSED);
  assertEquals(entries.length, 50);
  // What was done is always noted.
  trail.note({ ...REFUSED, outcome: "done" });
  assertEquals(entries.slice(50).map(({ action, outcome, reason }) => [action, outcome, reason]), [
    ["unlisted", "refused", "950 more refusals were not listed"],
    ["login", "done", null],
  ]);
  await clock.advance(1_000);
  trail.note(REFUSED);
  assertEquals(entries.length, 53);
});

Deno.test("note() cuts what a peer made too long", () => {
  const { entries, trail } = start();
  trail.note({ ...REFUSED, by: "b".repeat(1_000), cid: "c".repeat(100_000) });
  assert(JSON.stringify(entries).length < 1_000);
});

Deno.test("note() does not fail with whoever keeps the trail", () => {
  const { entries, trail } = start(() => {
    throw new Error("full");
  });
  trail.note(REFUSED);
  assertEquals(entries.length, 1);
});
