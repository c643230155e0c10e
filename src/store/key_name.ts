import { checkName } from "../protocol/name.ts";

/** Ends of the names of key files, in the order in which they are looked for (spec 4.2). */
export const KEY_SUFFIXES = [".rsa.pem", ".ecdsa.pem", ".rsa.der", ".ecdsa.der"] as const;

/** A file that a name can have. */
export interface KeyPath {
  /** Relative to the directory of keys. */
  readonly path: string;
  /** Whether there is a shared secret in it, and no public key. The name of the file alone decides that. */
  readonly isSecret: boolean;
}

/** Every file that may hold the key of a name, the one that counts first. The name must be a good one (D30). */
export function keyPaths(name: string): readonly KeyPath[] {
  const keys = KEY_SUFFIXES.map((suffix) => ({ path: `${name}${suffix}`, isSecret: false }));
  // A name that ends like a key file has no secret: that file is the key of a shorter name.
  return hasKeySuffix(name) ? keys : [...keys, { path: name, isSecret: true }];
}

/** The name that a file belongs to, or `null` when it is none of ours. */
export function nameOfKeyPath(path: string): string | null {
  const suffix = KEY_SUFFIXES.find((one) => path.endsWith(one)) ?? "";
  const name = path.slice(0, path.length - suffix.length);
  return checkName(name) === null ? name : null;
}

/**
 * Why nothing can be registered under a name, or `null`: the second half of a sentence as of `checkName`. Besides
 * its rules, no segment may end like a key file.
 */
export function registeredNameProblem(name: string): string | null {
  const problem = checkName(name);
  if (problem !== null) return problem;
  return name.split("/").some(hasKeySuffix)
    ? `expected no segment that ends with ${KEY_SUFFIXES.join(", ")}, got "${name}"`
    : null;
}

/** Whether a path ends like a key file. */
export function hasKeySuffix(path: string): boolean {
  return KEY_SUFFIXES.some((suffix) => path.endsWith(suffix));
}
