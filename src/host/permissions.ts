/**
 * Whether the runtime lets us do it without asking. A library that was given no `--allow-env` or
 * `--allow-read` runs on its defaults: it neither prompts nor fails.
 */
export function isGranted(descriptor: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(descriptor).state === "granted";
}
