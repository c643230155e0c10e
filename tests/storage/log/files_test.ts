import { assert, assertEquals, assertRejects } from "@std/assert";
import { denoLogFiles } from "../../../src/log/deno_files.ts";
import { writeAll, writeWhole } from "../../../src/log/files.ts";
import { logFilesContract } from "../../helpers/log_files_contract.ts";
import { SimDisk } from "../../helpers/log_sim_files.ts";
import { SeededRandom } from "../../helpers/seeded_random.ts";

logFilesContract("denoLogFiles()", async () => {
  const directory = await Deno.makeTempDir();
  return {
    // The directory of a log need not exist.
    files: denoLogFiles(`${directory}/log`),
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
});

logFilesContract("SimDisk", () =>
  Promise.resolve({
    files: new SimDisk().files(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }));

Deno.test("writeAll() goes on after short writes, and rejects when nothing is taken", async () => {
  const disk = new SimDisk();
  const file = await disk.files().create("a");
  disk.fault = ({ method }) => method === "write" ? { kind: "short", taken: 3 } : null;
  await writeAll(file, Uint8Array.from({ length: 10 }, (_, i) => i), 0);
  assertEquals([...disk.content("a")], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  disk.fault = ({ method }) => method === "write" ? { kind: "short", taken: 0 } : null;
  await assertRejects(() => writeAll(file, new Uint8Array(1), 0));
});

Deno.test("writeWhole() leaves the old file, the new one or none after a power loss", async () => {
  const results = new Set<string>();
  for (let seed = 1; seed <= 60; seed++) {
    const random = new SeededRandom(seed);
    const disk = new SimDisk();
    disk.put("a", new Uint8Array(600).fill(1));
    const lost = random.below(10);
    disk.fault = ({ index }) =>
      index === lost ? { kind: "wait", until: new Promise(() => {}) } : null;
    void writeWhole(disk.files(), "a", new Uint8Array(900).fill(2));
    for (let i = 0; i < 100; i++) await Promise.resolve();
    disk.losePower(random);
    const content = disk.names.includes("a") ? disk.content("a") : null;
    results.add(content === null ? "none" : `${content.length} ${new Set(content).size}`);
  }
  assertEquals([...results].filter((one) => !["none", "600 1", "900 1"].includes(one)), []);
  assert(results.size > 1);
});

Deno.test("denoLogFiles() makes files that only the user can read", async () => {
  if (Deno.build.os === "windows") return;
  const directory = await Deno.makeTempDir();
  try {
    const files = denoLogFiles(`${directory}/log`);
    await (await files.create("a")).close();
    const modes = [`${directory}/log`, `${directory}/log/a`].map(async (path) =>
      ((await Deno.stat(path)).mode ?? 0) & 0o777
    );
    assertEquals(await Promise.all(modes), [0o700, 0o600]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("freeBytes() is a number where it may be asked for", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const free = await denoLogFiles(directory).freeBytes();
    assert(free === null || free > 0);
    assertEquals(await denoLogFiles(`${directory}/none`).freeBytes(), null);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
