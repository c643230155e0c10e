import { startBrokerProcess } from "../integration/cli_process.ts";

/** Clock ticks in a second in `/proc/<pid>/stat`: 100 on every Linux that Deno runs on (USER_HZ). */
const TICKS_PER_SECOND = 100;
/** Places of `utime` and `stime` in `/proc/<pid>/stat`, counted from the field after the name. */
const UTIME_AT = 11;
const STIME_AT = 12;
const KIB = 1_024;

/** What the system says about a process. */
export interface ProcessUse {
  /** Processor time since its start, all threads, in seconds. */
  readonly cpuSeconds: number;
  /** Memory it holds at the moment, in bytes. */
  readonly residentBytes: number;
}

/** The broker in a process of its own, as its users run it. */
export interface BrokerProcess extends AsyncDisposable {
  readonly url: string;
  /** `null` where the system does not tell, as outside of Linux. */
  use(): Promise<ProcessUse | null>;
}

/** Starts `rembus broker` on a free port. */
export async function startBroker(): Promise<BrokerProcess> {
  const { process, url } = await startBrokerProcess();
  return {
    url,
    use: () => processUse(process.pid),
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

/** What a process uses; `null` where there is no `/proc`. */
export async function processUse(pid: number): Promise<ProcessUse | null> {
  if (Deno.build.os !== "linux") return null;
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  // The name of the program stands in parentheses and may contain anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ").map(Number);
  const ticks = (fields[UTIME_AT] ?? 0) + (fields[STIME_AT] ?? 0);
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const kib = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  return { cpuSeconds: ticks / TICKS_PER_SECOND, residentBytes: kib * KIB };
}
