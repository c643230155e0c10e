/** Makes a file that must not be there yet, with all of its bytes on the disk. Its name is not yet: see {@link syncDirectory}. */
export async function writeNew(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true, mode });
  for (let at = 0; at < bytes.byteLength;) at += await file.write(bytes.subarray(at));
  await file.sync();
}

/**
 * Writes a whole file beside the one that may be there, and puts it in its place: whoever looks finds one or the other,
 * after a power loss, too. Nothing is left of one that cannot be written.
 */
export async function replaceFile(path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const beside = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    await writeNew(beside, bytes, mode);
    await Deno.rename(beside, path);
  } catch (error) {
    await removeIfThere(beside);
    throw error;
  }
  await syncDirectory(directoryOf(path));
}

/** Removes a file. Resolves to whether there was one. */
export async function removeIfThere(path: string): Promise<boolean> {
  try {
    await Deno.remove(path);
    return true;
  } catch (error) {
    const isMissing = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory;
    if (isMissing) return false;
    throw error;
  }
}

/** What was made, renamed or removed in a directory is so after a power loss, too. */
export async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open a directory, and needs no sync of one.
  if (Deno.build.os === "windows") return;
  using directory = await Deno.open(path, { read: true });
  await directory.sync();
}

/** The directory that a path with a `/` is in. */
export function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
