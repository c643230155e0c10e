import { assertEquals } from "@std/assert";
import { Commits } from "../../../src/broker/commits.ts";
import { settle } from "../../helpers/manual_clock.ts";

/** A journal whose commits end when a test says so: each holds the offsets of one group. */
class FakeJournal {
  next = 1;
  readonly #groups: PromiseWithResolvers<void>[] = [];
  readonly #groupOf = new Map<number, PromiseWithResolvers<void>>();

  /** Begins a new group. */
  group(): PromiseWithResolvers<void> {
    const group = Promise.withResolvers<void>();
    this.#groups.push(group);
    return group;
  }

  append(): number {
    const group = this.#groups.at(-1) ?? this.group();
    this.#groupOf.set(this.next, group);
    return this.next++;
  }

  committed(offset: number): Promise<void> {
    return this.#groupOf.get(offset)?.promise ?? Promise.resolve();
  }
}

function setUp() {
  const journal = new FakeJournal();
  const commits = new Commits(journal);
  const events: string[] = [];
  const add = (): void => {
    const offset = journal.append();
    commits.add(offset, {
      committed: () => void events.push(`committed ${offset}`),
      failed: (error) => void events.push(`failed ${offset} ${String(error)}`),
    });
  };
  return { journal, commits, events, add };
}

Deno.test("add() tells all of one commit, in order, when it is durable", async () => {
  const { journal, commits, events, add } = setUp();
  const first = journal.group();
  add();
  add();
  const second = journal.group();
  add();
  assertEquals([commits.pending, commits.dispatched], [3, 0]);
  first.resolve();
  await settle();
  assertEquals(events, ["committed 1", "committed 2"]);
  assertEquals([commits.pending, commits.dispatched], [1, 2]);
  second.resolve();
  await settle();
  assertEquals(events.at(-1), "committed 3");
  assertEquals(commits.dispatched, 3);
});

Deno.test("add() tells all of a commit that failed, and those behind it go on", async () => {
  const { journal, commits, events, add } = setUp();
  const first = journal.group();
  add();
  add();
  const second = journal.group();
  add();
  first.reject("full");
  second.resolve();
  await settle();
  assertEquals(events, ["failed 1 full", "failed 2 full", "committed 3"]);
  assertEquals(commits.pending, 0);
});

Deno.test("dispatched goes on with messages that wait for no commit", () => {
  const { journal, commits } = setUp();
  journal.append();
  assertEquals(commits.dispatched, 1);
});
