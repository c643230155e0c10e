import { assert, assertEquals } from "@std/assert";
import { denoLogFiles } from "../../src/log/deno_files.ts";
import { openMessageLog } from "../../src/log/open_message_log.ts";
import { eventually } from "../helpers/eventually.ts";
import { mountSmallDisk } from "../helpers/small_disk.ts";
import { append, collect, entry, store, textOf } from "../helpers/log_entries.ts";

const DISK_BYTES = 8 * 1024 * 1024;

const probe = await mountSmallDisk(DISK_BYTES);
await probe?.[Symbol.asyncDispose]();
const reason = probe === null ? " (no file system may be mounted here)" : "";

Deno.test({
  name: `a real disk that is full stops acknowledgements, and the log recovers by itself${reason}`,
  ignore: probe === null,
  fn: async () => {
    await using disk = await mountSmallDisk(DISK_BYTES);
    const path = disk?.path ?? "";
    await Deno.writeFile(`${path}/ballast`, new Uint8Array(3 * 1024 * 1024));
    const kept: string[] = [];
    {
      await using log = await openMessageLog({
        files: denoLogFiles(`${path}/log`),
        segmentBytes: 512 * 1024,
      });
      const start = performance.now();
      for (let i = 0; log.health.kind === "green"; i++) {
        const text = `${i} ${"x".repeat(50_000)}`;
        await log.committed(append(log, entry(text))).then(() => kept.push(text), () => {});
      }
      assert(
        kept.length > 50 && kept.length < 110,
        `${kept.length} messages in ${DISK_BYTES} bytes`,
      );
      assert(performance.now() - start < 10_000);
      assertEquals(log.append(entry("refused")).kind, "refused");
      assertEquals((await collect(log.read({ from: { offset: 1 } }))).map(textOf), kept);
      await Deno.remove(`${path}/ballast`);
      await eventually(() => assertEquals(log.health, { kind: "green" }));
      await store(log, entry("after"));
      kept.push("after");
    }
    await using again = await openMessageLog({ files: denoLogFiles(`${path}/log`) });
    assertEquals((await collect(again.read({ from: { offset: 1 } }))).map(textOf), kept);
    assertEquals(again.status.damage.places, 0);
    await again.close();
  },
});
