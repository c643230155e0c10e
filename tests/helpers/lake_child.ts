import type { DiskStorageOptions } from "../../src/lake/storage_options.ts";
import { lakeArguments, lakeEnvironment, spawnLake } from "../../src/lake/process.ts";
import type { LakeProcess } from "../../src/lake/process.ts";
import { Lake } from "../../src/lake/supervisor.ts";
import type { LakeOptions } from "../../src/lake/lake_options.ts";
import { README_SCHEMA } from "./lake_schema.ts";

const ENTRY = new URL("./lake_child_entry.ts", import.meta.url).pathname;

/** A lake in a process of its own, and the processes that were started for it. */
export interface TestLake extends AsyncDisposable {
  readonly lake: Lake;
  /** All processes, the newest last. */
  readonly processes: readonly LakeProcess[];
}

/** Starts a lake process over a directory, with the permissions that it has in earnest. */
export function startLake(
  directory: string,
  more: Partial<LakeOptions> & { readonly disk?: Partial<DiskStorageOptions> } = {},
): TestLake {
  const { disk, ...options } = more;
  const processes: LakeProcess[] = [];
  const lake = Lake.start({
    schema: README_SCHEMA,
    storage: { kind: "disk", directory, name: "broker", storage: "native", ...disk },
    source: { logId: "log-1" },
    durableEnd: 0,
    commitMs: 0,
    threads: 2,
    maintainMs: 0,
    spawn: () => {
      const process = spawnLake({
        executable: Deno.execPath(),
        args: lakeArguments(ENTRY, {
          read: [
            directory,
            ...(disk?.extensionDirectory === undefined ? [] : [disk.extensionDirectory]),
          ],
          write: [directory],
          ffi: null,
        }).toSpliced(1, 0, "--no-lock", "--no-check"),
        env: lakeEnvironment(Deno.env.toObject()),
      });
      processes.push(process);
      return process;
    },
    ...options,
  });
  return { lake, processes, [Symbol.asyncDispose]: () => lake.close() };
}
