/** A file system of its own, in memory. */
export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
  /** Takes some room. */
  reserve(bytes: number): Promise<void>;
  /** Takes all the room that is left. */
  fill(): Promise<void>;
  /** Gives the room back that was taken. */
  free(): Promise<void>;
}

const FILL_BYTES = 4_096;

/** Mounts a small file system; `null` where none may be mounted. */
export async function mountSmallDisk(bytes: number): Promise<SmallDisk | null> {
  if (Deno.build.os !== "linux") return null;
  const path = await Deno.makeTempDir();
  if (!await run("mount", "-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", path)) {
    await Deno.remove(path);
    return null;
  }
  const ballast = `${path}/ballast`;
  return {
    path,
    reserve: (bytes) => Deno.writeFile(ballast, new Uint8Array(bytes).fill(1)),
    fill: () => fill(ballast),
    free: () => Deno.remove(ballast),
    async [Symbol.asyncDispose](): Promise<void> {
      await run("umount", path);
      await Deno.remove(path);
    },
  };
}

/** Writes until nothing fits any more. */
async function fill(path: string): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true, append: true });
  const bytes = new Uint8Array(FILL_BYTES).fill(1);
  for (;;) {
    try {
      await file.write(bytes);
    } catch (error) {
      // That is what was wanted; no other failure of a write to memory is known.
      if (error instanceof Error && /space|quota/i.test(error.message)) return;
      throw error;
    }
  }
}

async function run(command: string, ...args: string[]): Promise<boolean> {
  try {
    const options = { args, stdout: "null", stderr: "null" } as const;
    return (await new Deno.Command(command, options).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
