import type { BrokerProcess, ProcessUse } from "./broker_process.ts";

const MIB = 1_024 * 1_024;

/** Rows that tell how much memory a broker, and the process of its tables, ever held. */
export async function memoryRows(
  broker: BrokerProcess,
  what = "broker",
): Promise<readonly (readonly [string, string])[]> {
  const lake = await broker.lakeUse();
  return [
    [`memory, ${what}`, mebibytes(await broker.use())],
    ...lake === null ? [] : [["memory, tables", mebibytes(lake)] as const],
  ];
}

function mebibytes(use: ProcessUse | null): string {
  if (use === null) return "unknown";
  const [now, peak] = [use.residentBytes, use.peakBytes].map((bytes) => Math.round(bytes / MIB));
  return `${now} MiB, ${peak} MiB at most`;
}

/** A directory that is removed at the end. */
export async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "rembus-bench-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** Milliseconds that something takes, and what it gives. */
export async function timed<T>(
  work: () => Promise<T>,
): Promise<{ readonly ms: number; readonly value: T }> {
  const fromMs = performance.now();
  const value = await work();
  return { ms: performance.now() - fromMs, value };
}
