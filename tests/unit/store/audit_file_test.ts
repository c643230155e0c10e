import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import type { AuditEntry } from "../../../src/broker/audit.ts";
import {
  AUDIT_TEXT_MAX,
  AUDIT_WAITING_BYTES_MAX,
  AuditFile,
  type AuditFileOptions,
} from "../../../src/store/audit_file.ts";
import { eventually } from "../../helpers/eventually.ts";
import { temporaryDirectory } from "../../helpers/lake_directory.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";
import { NotingLogger } from "../../helpers/noting_logger.ts";

function entry(more: Partial<AuditEntry> = {}): AuditEntry {
  return {
    timeMs: 1_790_000_000_000,
    by: "boss",
    remote: "127.0.0.1:5012",
    action: "authorize",
    subject: "town/*",
    cid: "alice",
    outcome: "done",
    reason: null,
    ...more,
  };
}

interface Fixture extends AsyncDisposable {
  readonly file: AuditFile;
  readonly path: string;
  readonly clock: ManualClock;
  readonly logger: NotingLogger;
  /** The entries of the file, or of the one that was put aside. */
  entries(suffix?: string): Promise<AuditEntry[]>;
}

async function open(more: Partial<AuditFileOptions> = {}): Promise<Fixture> {
  const directory = await temporaryDirectory();
  const path = `${directory.path}/broker/audit.log`;
  const clock = new ManualClock();
  const logger = new NotingLogger();
  const file = new AuditFile({ path, clock, logger, ...more });
  return {
    file,
    path,
    clock,
    logger,
    async entries(suffix = "") {
      const text = await Deno.readTextFile(`${path}${suffix}`);
      assert(text.endsWith("\n"));
      return text.slice(0, -1).split("\n").map((line) => JSON.parse(line));
    },
    async [Symbol.asyncDispose]() {
      await file.close();
      assertEquals(clock.pending, 0);
      await directory[Symbol.asyncDispose]();
    },
  };
}

Deno.test("audit() writes an entry on each line, in order, for the user of the broker only", async () => {
  await using fixture = await open();
  const { file, path } = fixture;
  const all = [
    entry(),
    entry({ action: "login", outcome: "refused", reason: "wrong key", subject: null, cid: null }),
    entry({ subject: 'a\n"b"\u2028', outcome: "failed", reason: "the disk is full" }),
  ];
  for (const one of all) file.audit(one);
  await eventually(async () => assertEquals(await fixture.entries(), all));
  file.audit(entry({ cid: "last" }));
  await file.close();
  assertEquals((await fixture.entries()).at(-1)?.cid, "last");
  if (Deno.build.os !== "windows") assertEquals((await Deno.stat(path)).mode, 0o100600);
});

Deno.test("no file is made when there is nothing to write", async () => {
  await using fixture = await open();
  await fixture.file.close();
  await fixture.file.close();
  assertEquals(await isThere(fixture.path), false);
  fixture.file.audit(entry());
  assertEquals(fixture.logger.events, ["debug audit after close"]);
});

async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

Deno.test("a broker that starts again goes on in the file, behind a line that has no end", async () => {
  await using fixture = await open();
  const { path } = fixture;
  fixture.file.audit(entry({ cid: "first" }));
  await fixture.file.close();
  await Deno.writeTextFile(path, '{"timeMs":17', { append: true });
  await using again = new AuditFile({ path });
  again.audit(entry({ cid: "second" }));
  await again.close();
  const lines = (await Deno.readTextFile(path)).split("\n");
  assertEquals(lines.length, 4);
  assertEquals(lines[1], '{"timeMs":17');
  assertEquals(JSON.parse(lines[2] ?? "").cid, "second");
});

Deno.test("the file is put aside when it is full, and only one of them is kept", async () => {
  const line = JSON.stringify(entry()).length + 1;
  await using fixture = await open({ bytesMax: 2 * line });
  const { file } = fixture;
  for (let count = 1; count <= 5; count++) {
    file.audit(entry({ timeMs: 1_790_000_000_000 + count }));
    await eventually(async () => {
      assertEquals((await fixture.entries()).at(-1)?.timeMs, 1_790_000_000_000 + count);
    });
  }
  const times = (entries: AuditEntry[]) => entries.map(({ timeMs }) => timeMs % 10);
  assertEquals(times(await fixture.entries()), [5]);
  assertEquals(times(await fixture.entries(".1")), [3, 4]);
});

Deno.test("a file that was moved away is made anew", async () => {
  await using fixture = await open();
  const { file, path } = fixture;
  file.audit(entry({ cid: "first" }));
  await eventually(async () => assertEquals((await fixture.entries()).length, 1));
  await Deno.rename(path, `${path}.moved`);
  file.audit(entry({ cid: "second" }));
  await file.close();
  assertEquals((await fixture.entries()).map(({ cid }) => cid), ["second"]);
});

Deno.test("a disk that fails is told once, tried again after a pause, and nothing is lost", async () => {
  await using fixture = await open();
  const { clock, file, logger, path } = fixture;
  // A directory in place of the file: it cannot be written.
  await Deno.mkdir(path, { recursive: true });
  file.audit(entry({ cid: "first" }));
  await eventually(() => assertEquals(logger.events, ["error audit not written"]));
  file.audit(entry({ cid: "second" }));
  await clock.advance(5_000);
  await eventually(() => assertEquals(clock.pending, 1));
  assertEquals(logger.events, ["error audit not written"]);
  await Deno.remove(path);
  await clock.advance(5_000);
  await eventually(() => {
    assertEquals(logger.events, ["error audit not written", "info audit written again"]);
  });
  assertEquals((await fixture.entries()).map(({ cid }) => cid), ["first", "second"]);
  file.audit(entry({ cid: "third" }));
  await eventually(async () => assertEquals((await fixture.entries()).length, 3));
});

Deno.test("entries that find no room are counted in a line", async () => {
  await using fixture = await open();
  const { clock, file, logger, path } = fixture;
  await Deno.mkdir(path, { recursive: true });
  const one = entry({ reason: "x".repeat(AUDIT_TEXT_MAX) });
  const fitting = Math.floor(AUDIT_WAITING_BYTES_MAX / (JSON.stringify(one).length + 1));
  for (let count = 0; count < fitting + 7; count++) file.audit(one);
  await eventually(() => assertEquals(logger.events, ["error audit not written"]));
  await Deno.remove(path);
  await clock.advance(5_000);
  await eventually(() => assertEquals(logger.events.length, 2));
  const entries = await fixture.entries();
  assertEquals(entries.length, fitting + 1);
  const { action, outcome, reason } = entries.at(-1) as AuditEntry;
  assertEquals([action, outcome], ["audit", "failed"]);
  assertStringIncludes(String(reason), "7 entries are lost");
});

Deno.test("close() tries a disk that failed once more, and tells how much is lost", async () => {
  await using fixture = await open();
  const { file, logger, path } = fixture;
  await Deno.mkdir(path, { recursive: true });
  file.audit(entry());
  await eventually(() => assertEquals(logger.events, ["error audit not written"]));
  file.audit(entry());
  await file.close();
  assertEquals(logger.events, ["error audit not written", "error audit lost"]);

  await using other = await open();
  await Deno.mkdir(other.path, { recursive: true });
  other.file.audit(entry());
  await eventually(() => assertEquals(other.logger.events, ["error audit not written"]));
  await Deno.remove(other.path);
  await other.file.close();
  assertEquals((await other.entries()).length, 1);
});

Deno.test("a long text is cut", async () => {
  await using fixture = await open();
  fixture.file.audit(entry({ subject: "t".repeat(100_000) }));
  await fixture.file.close();
  const [one] = await fixture.entries();
  assertEquals(one?.subject, `${"t".repeat(AUDIT_TEXT_MAX)}…`);
  assertFalse(JSON.stringify(one).length > 2 * AUDIT_TEXT_MAX);
});
