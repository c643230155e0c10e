import { WINDOW_IDS_MAX, WINDOW_MS } from "./limits.ts";
import type { MsgId } from "../protocol/packet.ts";

/** Ids of the QoS 2 publications that one publisher sent lately (D12): a repeated one is not handled again. */
export class IdWindow {
  /** Id -> when it is forgotten, on the broker's clock, in the order they came. */
  readonly #ids = new Map<MsgId, number>();

  /** Ids held now; some of them may be too old to count. */
  get size(): number {
    return this.#ids.size;
  }

  /** Whether the id came within the last ten minutes. */
  has(id: MsgId, nowMs: number): boolean {
    const until = this.#ids.get(id);
    return until !== undefined && until > nowMs;
  }

  /** Remembers an id. */
  add(id: MsgId, nowMs: number): void {
    this.#put(id, { until: nowMs + WINDOW_MS, nowMs });
  }

  /** Remembers what another window does: the publisher goes on under another name. */
  addAll(other: IdWindow, nowMs: number): void {
    for (const [id, until] of other.#ids) this.#put(id, { until, nowMs });
  }

  /** Forgets one id: what it stood for was not kept. */
  delete(id: MsgId): void {
    this.#ids.delete(id);
  }

  /** Remembers an id until a time on the broker's clock. */
  recall(id: MsgId, until: number, nowMs: number): void {
    this.#put(id, { until, nowMs });
  }

  /** Forgets all ids. */
  clear(): void {
    this.#ids.clear();
  }

  #put(id: MsgId, { until, nowMs }: { readonly until: number; readonly nowMs: number }): void {
    for (const [oldest, oldestUntil] of this.#ids) {
      if (oldestUntil > nowMs && this.#ids.size < WINDOW_IDS_MAX) break;
      this.#ids.delete(oldest);
    }
    this.#ids.set(id, until);
  }
}
