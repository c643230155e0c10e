/** Where a subscription begins that asks for stored messages. */
export type HistoryStart =
  /** Behind what it received; not older than the limit of the broker. */
  | { readonly kind: "unreceived" }
  /** As above, and not older than so many nanoseconds (spec 5.4). */
  | { readonly kind: "window"; readonly ns: number }
  /** At an offset of the journal, whatever it received. */
  | { readonly kind: "offset"; readonly offset: number }
  /** At a receive time, in nanoseconds since the epoch, whatever it received. */
  | { readonly kind: "time"; readonly timeNs: bigint }
  /** With the last message of each topic (D23). */
  | { readonly kind: "last" };
