import { RembusError, Status } from "../protocol/errors.ts";
import { Fifo } from "../util/fifo.ts";
import type { Timer } from "../util/clock.ts";

/** A call without an answer. */
export interface Outstanding {
  readonly id: number;
  /** The frame that asks for it. */
  readonly frame: Uint8Array;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  /** Runs while the child works at it. */
  timer: Timer | null;
}

/** Calls of one child: those that wait for it, oldest first, and those that it works at. */
export class OutstandingCalls {
  readonly #waiting = new Fifo<Outstanding>();
  /** Id -> call. */
  readonly #running = new Map<number, Outstanding>();
  #bytes = 0;

  /** Calls without an answer. */
  get size(): number {
    return this.#waiting.length + this.#running.size;
  }

  /** Calls that the child works at. */
  get running(): number {
    return this.#running.size;
  }

  /** Bytes of all their frames. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds one that waits. */
  add(call: Outstanding): void {
    this.#waiting.push(call);
    this.#bytes += call.frame.byteLength;
  }

  /** The oldest that waits is worked at from now on; `null` when none waits. */
  next(): Outstanding | null {
    const call = this.#waiting.shift();
    if (call === undefined) return null;
    this.#running.set(call.id, call);
    return call;
  }

  /** Takes out one that the child works at; `null` when there is none of that id. */
  take(id: number): Outstanding | null {
    const call = this.#running.get(id);
    if (call === undefined) return null;
    this.#running.delete(id);
    this.#forget(call);
    return call;
  }

  /** Ends all that the child works at. */
  rejectRunning(text: string): void {
    const calls = [...this.#running.values()];
    this.#running.clear();
    for (const call of calls) this.#reject(call, text);
  }

  /** Ends all that wait. */
  rejectWaiting(text: string): void {
    for (const call of this.#waiting.drain()) this.#reject(call, text);
  }

  #reject(call: Outstanding, text: string): void {
    this.#forget(call);
    call.reject(new RembusError(Status.METHOD_EXCEPTION, text));
  }

  #forget(call: Outstanding): void {
    call.timer?.cancel();
    this.#bytes -= call.frame.byteLength;
  }
}
