import { CliProcess } from "../integration/cli_process.ts";

/** Clock ticks in a second in `/proc/<pid>/stat`: 100 on every Linux that Deno runs on (USER_HZ). */
const TICKS_PER_SECOND = 100;
/** Places of the parent, `utime` and `stime` in `/proc/<pid>/stat`, counted from the field after the name. */
const PARENT_AT = 1;
const UTIME_AT = 11;
const STIME_AT = 12;
const KIB = 1_024;

/** What the system says about a process. */
export interface ProcessUse {
  /** Processor time since its start, all threads, in seconds. */
  readonly cpuSeconds: number;
  /** Memory it holds at the moment, in bytes. */
  readonly residentBytes: number;
  /** The most that it ever held, in bytes. */
  readonly peakBytes: number;
}

/** How a broker is started. */
export interface StartOptions {
  /** Directory for what it keeps. @default {it keeps nothing} */
  readonly dir?: string | undefined;
  /** File with the schema of its tables. @default {no tables} */
  readonly schema?: string | undefined;
  /** Directory for a profile of its processor time. @default {none is made} */
  readonly profile?: string | undefined;
  /** Port to listen on. @default {0, any free one} */
  readonly port?: number;
}

/** The broker in a process of its own, as its users run it. Killed when it is disposed. */
export interface BrokerProcess extends AsyncDisposable {
  readonly pid: number;
  readonly url: string;
  readonly port: number;
  /** Time from the start of the process until components could connect, in milliseconds. */
  readonly startMs: number;
  /** `null` where the system does not tell, as outside of Linux. */
  use(): Promise<ProcessUse | null>;
  /** The same of the process that keeps its tables; `null` without one, too. */
  lakeUse(): Promise<ProcessUse | null>;
  /** The process that keeps its tables, if there is one now. */
  lakePid(): Promise<number | null>;
  /** Ends it as Ctrl-C does. Resolves when it has ended, rejects when it did so with a failure. */
  stop(): Promise<void>;
  /** Ends it at once, and resolves when it has ended. */
  kill(): Promise<void>;
}

/** Starts `rembus broker`, without any settings from elsewhere, and waits until it is ready. */
export async function startBroker(
  { dir, schema, profile, port = 0 }: StartOptions = {},
): Promise<BrokerProcess> {
  const fromMs = performance.now();
  const process = new CliProcess([
    ...["broker", "--json", "--ws", String(port)],
    ...dir === undefined ? ["--memory"] : ["--dir", dir],
    ...schema === undefined ? [] : ["--schema", schema, "--storage", "native"],
  ], {
    flags: ["-A", ...profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`]],
  });
  try {
    const ready = JSON.parse(await process.line()) as { url: string; port: number };
    return {
      ...ready,
      pid: process.pid,
      startMs: performance.now() - fromMs,
      use: () => processUse(process.pid),
      lakeUse: async () => {
        const pid = await childOf(process.pid);
        return pid === null ? null : await processUse(pid);
      },
      lakePid: () => childOf(process.pid),
      stop: () => stop(process),
      kill: () => process[Symbol.asyncDispose](),
      [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
    };
  } catch (cause) {
    try {
      throw new Error(`Cannot start a broker:\n${(await process.end()).stderr.join("\n")}`, {
        cause,
      });
    } finally {
      await process[Symbol.asyncDispose]();
    }
  }
}

async function stop(process: CliProcess): Promise<void> {
  process.signal("SIGINT");
  const { code, stderr } = await process.end();
  if (code !== 0) throw new Error(`The broker ended with ${code}:\n${stderr.join("\n")}`);
}

/** What a process uses; `null` where there is no `/proc`, and when it has ended. */
export async function processUse(pid: number): Promise<ProcessUse | null> {
  const fields = await statOf(pid);
  if (fields === null) return null;
  const ticks = Number(fields[UTIME_AT] ?? 0) + Number(fields[STIME_AT] ?? 0);
  const status = await textOf(`/proc/${pid}/status`) ?? "";
  const kib = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? 0);
  return {
    cpuSeconds: ticks / TICKS_PER_SECOND,
    residentBytes: kib("VmRSS") * KIB,
    peakBytes: kib("VmHWM") * KIB,
  };
}

/** A process that another one started: a broker starts none but that of its tables. */
async function childOf(parent: number): Promise<number | null> {
  if (Deno.build.os !== "linux") return null;
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const fields = await statOf(Number(name));
    if (fields !== null && Number(fields[PARENT_AT]) === parent) return Number(name);
  }
  return null;
}

async function statOf(pid: number): Promise<readonly string[] | null> {
  const stat = await textOf(`/proc/${pid}/stat`);
  // The name of the program stands in parentheses and may contain anything.
  return stat === null ? null : stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** `null` for a process that has ended, and where there is no `/proc`. */
async function textOf(path: string): Promise<string | null> {
  if (Deno.build.os !== "linux") return null;
  try {
    return await Deno.readTextFile(path);
  } catch {
    // Gone, or going: the system answers with several kinds of errors.
    return null;
  }
}
