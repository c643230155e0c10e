/** Whether changes of the state can be stored at the moment. */
export type StateHealth =
  /** They can. */
  | { readonly kind: "green" }
  /** They wait; the reason is for the operator. */
  | { readonly kind: "red"; readonly reason: string };
