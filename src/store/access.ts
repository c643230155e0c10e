import { isGranted } from "../host/permissions.ts";
import { RembusError, Status } from "../protocol/errors.ts";

/** Throws a `RembusError` that says which permission is missing to use a directory. */
export function requireAccess(dir: string): void {
  for (const name of ["read", "write"] as const) {
    if (isGranted({ name, path: dir })) continue;
    throw new RembusError(
      Status.ERROR,
      `Cannot keep messages in "${dir}": expected permission to ${name} it, got none; run with ` +
        `--allow-${name}, or keep nothing (--memory)`,
    );
  }
}
