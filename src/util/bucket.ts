/** Width of a time bucket when none is given, in seconds. */
export const BUCKET_SECONDS = 900;

/**
 * The start of the current time bucket, in seconds since the epoch: the usual slot of a publication.
 *
 * @param widthSeconds Width of the buckets, in seconds.
 * @param nowMs Milliseconds since the epoch.
 * @throws {RangeError} When the width is not a positive number.
 *
 * @example
 * ```ts
 * import { nowbucket } from "@rembus/cli/client";
 *
 * console.log(nowbucket(60)); // the full minute
 * ```
 */
export function nowbucket(
  widthSeconds: number = BUCKET_SECONDS,
  nowMs: number = Date.now(),
): number {
  if (!(widthSeconds > 0) || !Number.isFinite(widthSeconds)) {
    throw new RangeError(
      `Cannot make a time bucket: width must be > 0 seconds, got ${widthSeconds}`,
    );
  }
  const seconds = Math.floor(nowMs / 1_000);
  return Math.floor(seconds / widthSeconds) * widthSeconds;
}
