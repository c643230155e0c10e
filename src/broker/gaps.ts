import { GAP_TOPICS_MAX } from "./limits.ts";

/** Messages on one topic that a peer did not get (D3). */
export interface Gap {
  readonly topic: string;
  /** How many. */
  count: number;
  /** Offset of the first. */
  readonly from: number;
  /** Offset of the last. */
  to: number;
}

/** Stands for all topics when too many have gaps. */
const ANY_TOPIC = "**";

/** What a peer did not get and was not told yet. */
export class GapBook {
  readonly #gaps = new Map<string, Gap>();

  /** Counts one message. */
  count(topic: string, offset: number): void {
    const gap = this.#gaps.get(topic) ?? this.#open(topic, offset);
    gap.count++;
    gap.to = offset;
  }

  /** All gaps; they count as told. */
  take(): Gap[] {
    const gaps = [...this.#gaps.values()];
    this.#gaps.clear();
    return gaps;
  }

  #open(topic: string, offset: number): Gap {
    const key = this.#gaps.size < GAP_TOPICS_MAX ? topic : ANY_TOPIC;
    const known = this.#gaps.get(key);
    if (known !== undefined) return known;
    const gap: Gap = { topic: key, count: 0, from: offset, to: offset };
    this.#gaps.set(key, gap);
    return gap;
  }
}
