import { ProtocolError } from "../protocol/errors.ts";

/** From the node to the child that runs code. */
export type ToCode =
  /** The first one, exactly once. */
  | {
    readonly type: "load";
    readonly name: string;
    readonly source: string;
    readonly rssMax: number;
  }
  | { readonly type: "call"; readonly id: number; readonly args: readonly unknown[] };

/** From the child. Whatever it says, it can only be about itself. */
export type FromCode =
  /** The code is there; which function was taken. */
  | { readonly type: "loaded"; readonly function: string }
  /** The code cannot be used. */
  | { readonly type: "failed"; readonly text: string }
  /** `value` is CBOR. */
  | { readonly type: "result"; readonly id: number; readonly value: Uint8Array }
  | { readonly type: "error"; readonly id: number; readonly text: string };

/**
 * Checks what a child said: the code in it can write there, too.
 *
 * @throws {ProtocolError} For anything that our part of the child does not write.
 */
export function readFromCode(value: unknown): FromCode {
  const message = (typeof value === "object" && value !== null ? value : {}) as Fields;
  const { type, id, text } = message;
  if (type === "loaded" && typeof message.function === "string") {
    return { type, function: message.function };
  }
  if (type === "failed" && typeof text === "string") return { type, text };
  if (typeof id === "number") {
    if (type === "result" && message.value instanceof Uint8Array) {
      return { type, id, value: message.value };
    }
    if (type === "error" && typeof text === "string") return { type, id, text };
  }
  throw new ProtocolError("Cannot read a message: the code wrote to its own channel");
}

interface Fields {
  readonly type?: unknown;
  readonly id?: unknown;
  readonly text?: unknown;
  readonly value?: unknown;
  readonly function?: unknown;
}
