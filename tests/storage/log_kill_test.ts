import { assert, assertEquals, assertRejects } from "@std/assert";
import { LogError } from "../../src/log/errors.ts";
import { denoLogFiles } from "../../src/log/deno_files.ts";
import { openMessageLog } from "../../src/log/open_message_log.ts";
import { collect, textOf } from "../helpers/log_entries.ts";
import { SeededRandom } from "../helpers/seeded_random.ts";

/** How often a process that appends to a real log is killed. `REMBUS_KILL_ROUNDS` sets it. */
const ROUNDS = Number(Deno.env.get("REMBUS_KILL_ROUNDS") ?? 3);
const CHILD = new URL("../helpers/log_kill_child.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** Lets a process append until it acknowledged so many messages, and kills it (SIGKILL). */
async function killAfter(
  count: number,
  options: { readonly directory: string; readonly life: number },
): Promise<Map<number, string>> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      `--config=${CONFIG}`,
      `--allow-read=${options.directory}`,
      `--allow-write=${options.directory}`,
      CHILD,
      options.directory,
      String(options.life),
    ],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  const acknowledged = new Map<number, string>();
  let rest = "";
  let isKilled = false;
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const space = line.indexOf(" ");
      acknowledged.set(Number(line.slice(0, space)), line.slice(space + 1));
    }
    if (acknowledged.size < count || isKilled) continue;
    const error = await assertRejects(
      () => openMessageLog({ files: denoLogFiles(options.directory) }),
      LogError,
    );
    assertEquals(error.fault, "locked");
    child.kill("SIGKILL");
    isKilled = true;
  }
  await child.status;
  assertEquals(await errors, "");
  assert(isKilled, "the process ended by itself");
  return acknowledged;
}

Deno.test("a process that is killed while it appends loses nothing that it acknowledged", async () => {
  const directory = await Deno.makeTempDir();
  const seed = Number(Deno.env.get("REMBUS_KILL_SEED") ?? 1);
  const random = new SeededRandom(seed);
  try {
    const acknowledged = new Map<number, string>();
    for (let life = 1; life <= ROUNDS; life++) {
      const count = 1 + random.below(300);
      for (const [offset, text] of await killAfter(count, { directory, life })) {
        assert(!acknowledged.has(offset), `offset ${offset} was given twice`);
        acknowledged.set(offset, text);
      }
      await using log = await openMessageLog({ files: denoLogFiles(directory) });
      const records = await collect(log.read({ from: { offset: 1 } }));
      const found = new Map(records.map((record) => [record.offset, textOf(record)]));
      for (const [offset, text] of acknowledged) assertEquals(found.get(offset), text);
      assertEquals(new Set(found.values()).size, records.length, "a message is there twice");
      assertEquals(log.status.damage.places, 0);
    }
  } catch (error) {
    throw new Error(`seed ${seed}`, { cause: error });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
