/** Arrow bytes that polars, pyarrow and pandas wrote: name -> bytes. */
export type FrameVectors = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

const FILE = new URL("../vectors/frames.json", import.meta.url);

/** Reads the golden frames. */
export async function frameVectors(): Promise<FrameVectors> {
  const { frames } = JSON.parse(await Deno.readTextFile(FILE)) as {
    frames: { name: string; base64: string }[];
  };
  return new Map(frames.map(({ name, base64 }) => [name, Uint8Array.fromBase64(base64)]));
}

/** The golden frame of that name. */
export function vector(vectors: FrameVectors, name: string): Uint8Array<ArrayBuffer> {
  const bytes = vectors.get(name);
  if (bytes === undefined) throw new Error(`Cannot find the golden frame "${name}"`);
  return bytes;
}
