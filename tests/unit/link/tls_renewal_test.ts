import { assert, assertEquals, assertRejects } from "@std/assert";
import { TlsRenewal, type TlsSource } from "../../../src/link/tls_renewal.ts";
import type { TlsPair } from "../../../src/link/tls_stream.ts";
import { testAuthority, testLeaf } from "../../helpers/certificates.ts";
import { recordingLogger } from "../../helpers/log_entries.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";

const PAIR: TlsPair = await testLeaf(await testAuthority());

/** Files that a test changes. */
class FakeFiles implements TlsSource {
  readonly pair = PAIR;
  current = "first";
  problem: string | null = null;
  reads = 0;

  stamp(): Promise<string> {
    return Promise.resolve(this.current);
  }

  read(): Promise<TlsPair> {
    this.reads++;
    return this.problem === null ? Promise.resolve(PAIR) : Promise.reject(new Error(this.problem));
  }
}

function renewing() {
  const source = new FakeFiles();
  const clock = new ManualClock();
  const { logger, events } = recordingLogger();
  const renewal = new TlsRenewal({ source, clock, logger });
  return {
    source,
    clock,
    renewal,
    logged: () => events.map(({ event, fields }) => [event, fields.reason]),
    [Symbol.asyncDispose]: () => renewal.stop(),
  };
}

Deno.test("TlsRenewal reads files that changed once they have stayed the same for a look", async () => {
  await using one = renewing();
  const { source, clock, renewal } = one;
  const { context } = renewal;
  await clock.advance(10_000);
  assertEquals([source.reads, renewal.context === context], [0, true]);
  source.current = "half written";
  await clock.advance(1_000);
  source.current = "written";
  await clock.advance(1_000);
  assertEquals(source.reads, 0);
  await clock.advance(1_000);
  assertEquals([source.reads, renewal.context === context], [1, false]);
  await clock.advance(10_000);
  assertEquals([source.reads, one.logged()], [1, [["certificate renewed", undefined]]]);
});

Deno.test("TlsRenewal keeps the pair before a bad one, and says so once", async () => {
  await using one = renewing();
  const { source, clock, renewal } = one;
  const { context } = renewal;
  await clock.advance(0);
  source.current = "bad";
  source.problem = "wrong key";
  await clock.advance(60_000);
  assertEquals([source.reads, renewal.context === context], [1, true]);
  assertEquals(one.logged(), [["certificate not renewed", "wrong key"]]);
  source.current = "good";
  source.problem = null;
  await clock.advance(2_000);
  assert(renewal.context !== context);
});

Deno.test("reload() does not wait, and rejects with what is wrong", async () => {
  await using one = renewing();
  const { source, clock, renewal } = one;
  const { context } = renewal;
  await renewal.reload();
  const renewed = renewal.context;
  assert(renewed !== context);
  source.current = "bad";
  source.problem = "wrong key";
  await assertRejects(() => renewal.reload(), Error, "wrong key");
  assert(renewal.context === renewed);
  // It was told already.
  await clock.advance(10_000);
  assertEquals(source.reads, 2);
});

Deno.test("stop() leaves no timer behind", async () => {
  const { clock, renewal } = renewing();
  await clock.advance(3_000);
  await renewal.stop();
  assertEquals(clock.pending, 0);
});
