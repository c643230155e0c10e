import type { Link, LinkClose, LinkHandler } from "../../src/link/link.ts";
import { eventually } from "./eventually.ts";

/** Writes down what a link tells its owner, and when it should not have. */
export class LinkRecorder implements LinkHandler {
  readonly messages: (Uint8Array | string)[] = [];
  readonly closes: LinkClose[] = [];
  /** Resolves with the first close. */
  readonly closedOnce: Promise<LinkClose>;
  drains = 0;
  /** What came where it must not: inside a call of the link, or after the close. */
  readonly faults: string[] = [];
  /** Called with each message, after it was written down. */
  onMessage: (data: Uint8Array | string) => void = () => {};
  readonly #link: Link;
  readonly #closed = Promise.withResolvers<LinkClose>();
  #call: string | null = null;

  constructor(link: Link) {
    this.#link = link;
    this.closedOnce = this.#closed.promise;
  }

  message(data: Uint8Array | string): void {
    this.#hears("message");
    this.messages.push(data);
    this.onMessage(data);
  }

  drained(): void {
    this.#hears("drained");
    this.drains++;
  }

  closed(close: LinkClose): void {
    this.#hears("closed");
    this.closes.push(close);
    this.#closed.resolve(close);
  }

  /** Starts the link. */
  start(): this {
    this.#inside("start", () => this.#link.start(this));
    return this;
  }

  send(head: Uint8Array | string, tail: Uint8Array | null = null): void {
    this.#inside("send", () => this.#link.send(head, tail));
  }

  close(code: number, reason: string): void {
    this.#inside("close", () => this.#link.close(code, reason));
  }

  terminate(): void {
    this.#inside("terminate", () => this.#link.terminate());
  }

  pause(): void {
    this.#inside("pause", () => this.#link.pause());
  }

  resume(): void {
    this.#inside("resume", () => this.#link.resume());
  }

  /** Resolves when so many messages have come. */
  async received(count: number): Promise<void> {
    await eventually(() => {
      if (this.messages.length < count) {
        throw new Error(`expected ${count} messages, got ${this.messages.length}`);
      }
    });
  }

  #inside(call: string, action: () => void): void {
    const before = this.#call;
    this.#call = call;
    action();
    this.#call = before;
  }

  #hears(event: string): void {
    if (this.#call !== null) this.faults.push(`${event} inside ${this.#call}`);
    if (this.closes.length > 0) this.faults.push(`${event} after closed`);
  }
}
