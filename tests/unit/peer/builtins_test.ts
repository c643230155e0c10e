import { assertEquals } from "@std/assert";
import { addBuiltins } from "../../../src/peer/builtins.ts";
import { type DeliveryInfo, Handlers } from "../../../src/peer/handlers.ts";
import { SILENT } from "../../../src/util/log.ts";
import { VERSION } from "../../../src/util/version.ts";
import { ManualClock } from "../../helpers/manual_clock.ts";

const INFO: DeliveryInfo = {
  topic: "t",
  from: null,
  slot: null,
  qos: 0,
  node: { rid: "node", publish: () => Promise.resolve(), rpc: () => Promise.resolve(null) },
};

Deno.test("addBuiltins() adds rid, version and uptime, which ignore their arguments", async () => {
  const clock = new ManualClock();
  await clock.advance(10_000);
  const handlers = new Handlers({ log: SILENT });
  addBuiltins(handlers, { rid: "me", clock });
  await clock.advance(1_500);
  const answers = ["rid", "version", "uptime"].map((name) => handlers.call(name, ["x", 1], INFO));
  assertEquals(await Promise.all(answers), [
    { status: 0, data: "me" },
    { status: 0, data: `deno_${VERSION}` },
    { status: 0, data: "up for 1.5 seconds" },
  ]);
});
