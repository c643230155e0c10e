import { isGranted } from "./permissions.ts";

/** What can be done with a directory. */
export type DirectoryAccess = "writable" | "read-only" | "absent" | "not permitted";

/** Finds out by trying: makes a file in the directory and takes it away again. */
export async function directoryAccess(path: string): Promise<DirectoryAccess> {
  if (!isGranted({ name: "read", path }) || !isGranted({ name: "write", path })) {
    return "not permitted";
  }
  try {
    const probe = await Deno.makeTempFile({ dir: path, prefix: ".rembus-doctor-" });
    await Deno.remove(probe);
    return "writable";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "absent";
    if (error instanceof Deno.errors.PermissionDenied) return "read-only";
    if (isReadOnlyFileSystem(error)) return "read-only";
    throw error;
  }
}

/** The runtime has no class for EROFS, but reports the code. */
function isReadOnlyFileSystem(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EROFS";
}
