import type { Clock } from "../util/clock.ts";
import { type ByteStream, closeQuietly, discard, writeAll } from "./byte_stream.ts";
import { REFUSAL_MS_MAX, UPGRADE_MS_MAX } from "./limits.ts";
import { readHead } from "./ws_head.ts";
import type { OriginRule } from "./ws_origin.ts";
import {
  looksLikeRequest,
  notHttp,
  readUpgrade,
  type Refusal,
  refusalAnswer,
  tooLarge,
  tooSlow,
  upgradeAnswer,
} from "./ws_upgrade.ts";

/** What came of a handshake. */
export type Handshake =
  /** The connection is a WebSocket; `rest` came behind the request. */
  | { readonly kind: "upgraded"; readonly rest: Uint8Array }
  /** It was answered with an error. */
  | { readonly kind: "refused"; readonly status: number; readonly text: string }
  /** The peer went away, or the connection was cut. */
  | { readonly kind: "lost" };

/** What a handshake needs. */
export interface HandshakeOptions {
  /** What the time limit is measured with. */
  readonly clock: Clock;
  /** Pages of which origins may connect. */
  readonly origins: OriginRule;
}

/**
 * Answers the request to upgrade a connection. Never rejects, and takes no longer than 5 s. A connection
 * that is not upgraded is closed. The limit covers the handshake of TLS too, which has no answer for who is slow.
 */
export async function shakeHands(
  stream: ByteStream,
  { clock, origins }: HandshakeOptions,
): Promise<Handshake> {
  const slow = tooSlow(UPGRADE_MS_MAX);
  let isLate = false;
  const timer = clock.setTimer(() => {
    isLate = true;
    // The answer fits the buffer of any socket, so that it is on its way before the connection is closed.
    void answerAndClose(stream, slow);
  }, UPGRADE_MS_MAX);
  try {
    const head = await readHead(stream, looksLikeRequest);
    if (isLate) return { kind: "refused", status: slow.status, text: slow.text };
    if (head.kind === "lost") return lost(stream);
    if (head.kind === "foreign") return await refuse(stream, notHttp(), clock);
    if (head.kind === "too large") return await refuse(stream, tooLarge(), clock);
    const upgrade = readUpgrade(head.head, origins);
    if (upgrade.kind === "refused") return await refuse(stream, upgrade.refusal, clock);
    await writeAll(stream, await upgradeAnswer(upgrade.key));
    return isLate
      ? { kind: "refused", status: slow.status, text: slow.text }
      : { kind: "upgraded", rest: head.rest };
  } catch {
    // The peer reset the connection, or the listener closed it.
    return isLate ? { kind: "refused", status: slow.status, text: slow.text } : lost(stream);
  } finally {
    timer.cancel();
  }
}

/** Answers with an error, and gives the peer time to read it. */
async function refuse(stream: ByteStream, refusal: Refusal, clock: Clock): Promise<Handshake> {
  await writeAll(stream, refusalAnswer(refusal));
  const timer = clock.setTimer(() => closeQuietly(stream), REFUSAL_MS_MAX);
  try {
    await stream.closeWrite();
    await discard(stream);
  } finally {
    timer.cancel();
    closeQuietly(stream);
  }
  return { kind: "refused", status: refusal.status, text: refusal.text };
}

async function answerAndClose(stream: ByteStream, refusal: Refusal): Promise<void> {
  try {
    await writeAll(stream, refusalAnswer(refusal));
  } catch {
    // Whoever is too slow may also be gone.
  }
  closeQuietly(stream);
}

function lost(stream: ByteStream): Handshake {
  closeQuietly(stream);
  return { kind: "lost" };
}
