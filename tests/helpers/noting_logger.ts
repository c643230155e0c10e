import type { Logger } from "../../src/util/log.ts";

/** A logger that notes events. */
export class NotingLogger implements Logger {
  readonly events: string[] = [];
  debug(event: string): void {
    this.events.push(`debug ${event}`);
  }
  info(event: string): void {
    this.events.push(`info ${event}`);
  }
  warn(event: string): void {
    this.events.push(`warn ${event}`);
  }
  error(event: string): void {
    this.events.push(`error ${event}`);
  }
}
