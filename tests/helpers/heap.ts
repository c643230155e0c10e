import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collect: (() => void) | null = null;

/**
 * Bytes of the heap that are in use, once what nobody needs was collected: without that, the number says when the
 * engine collected last, which on a machine with much memory may be never.
 */
export function heapInUse(): number {
  if (collect === null) {
    setFlagsFromString("--expose_gc");
    collect = runInNewContext("gc") as () => void;
  }
  collect();
  return Deno.memoryUsage().heapUsed;
}
