import { DataFrame } from "../../../src/frame/data_frame.ts";

/** Arrow bytes of three rows with `dn` and `temperature`, the last of which is null. */
export function weatherFrame(): Uint8Array {
  return DataFrame.fromColumns({ dn: ["a", "b", "c"], temperature: [21.5, -3, null] }).bytes;
}
