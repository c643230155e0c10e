/**
 * The entry of the lake process: the message log and the tables meet here, and nowhere else is native code loaded.
 *
 * @module
 */
import { serveLake } from "../lake/child.ts";
import { denoLogFiles } from "../log/deno_files.ts";
import { openLogReader } from "../log/log_reader.ts";
import type { LakeSourceInfo } from "./lake_command.ts";
import { lakeSourceOf } from "./lake_source.ts";

/**
 * What a terminal or a service manager sends to all processes of a broker. The broker decides when this one ends: it
 * closes stdin, and so does its own end.
 */
const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM", "SIGHUP"];

/** Serves the broker on the other end of stdin and stdout, then ends the process. */
export function runLakeProcess(): Promise<never> {
  for (const signal of SIGNALS) Deno.addSignalListener(signal, () => {});
  return serveLake({
    openSource: async (info) => {
      // The broker of the same version sent it.
      const { directory } = info as LakeSourceInfo;
      return lakeSourceOf(await openLogReader({ files: denoLogFiles(directory) }));
    },
  });
}

if (import.meta.main && !Deno.build.standalone) await runLakeProcess();
