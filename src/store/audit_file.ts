import type { Audit, AuditEntry } from "../broker/audit.ts";
import { type Clock, SYSTEM_CLOCK, type Timer } from "../util/clock.ts";
import { errorText } from "../util/error_text.ts";
import { type Logger, SILENT } from "../util/log.ts";

/** Bytes of the file above which it is put aside, as `audit.log.1`; the one before that is gone then. */
export const AUDIT_BYTES_MAX: number = 10 * 1024 * 1024;
/** Bytes of lines that wait for the disk. Exceeded: further ones are lost, and a line says how many. */
export const AUDIT_WAITING_BYTES_MAX: number = 1024 * 1024;
/** Characters of one text of an entry. Exceeded: the rest is cut off. */
export const AUDIT_TEXT_MAX = 1_024;
/** Pause before a disk that failed is tried again, in milliseconds. */
const RETRY_MS = 5_000;
/** Only the user of the broker reads who did what. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
const NEW_LINE = 0x0a;

/** How an audit trail is written. */
export interface AuditFileOptions {
  /** The file, `<dir>/<broker>/audit.log`; made with its directory when there is something to write. */
  readonly path: string;
  /** Bytes above which it is put aside. @default AUDIT_BYTES_MAX */
  readonly bytesMax?: number;
  /** Time. @default the clock of the machine */
  readonly clock?: Clock;
  /** Told when the trail cannot be written, once, and when it can be again. @default silent */
  readonly logger?: Logger;
}

type State =
  | { readonly kind: "open" }
  /** The disk failed; `retry` tries it again. */
  | { readonly kind: "failing"; readonly retry: Timer }
  | { readonly kind: "closed" };

/** The audit trail of a broker: a file with an entry in JSON on each line. Nobody waits for it. */
export class AuditFile implements AsyncDisposable {
  /** Takes an entry. A function of its own, as the broker wants one. */
  readonly audit: Audit = (entry) => this.#add(entry);
  readonly #path: string;
  readonly #bytesMax: number;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #state: State = { kind: "open" };
  /** Lines that are to be written, the oldest first. */
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /** Entries that found no room since the last line was written. */
  #lost = 0;
  #writing: Promise<void> | null = null;
  #closing: Promise<void> | null = null;

  /** Touches no file before the first entry. */
  constructor(options: AuditFileOptions) {
    this.#path = options.path;
    this.#bytesMax = options.bytesMax ?? AUDIT_BYTES_MAX;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#logger = options.logger ?? SILENT;
  }

  /** Writes what waits. What cannot be written is reported and lost. Idempotent. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #add(entry: AuditEntry): void {
    if (this.#state.kind === "closed") {
      this.#logger.debug("audit after close", { action: entry.action });
      return;
    }
    const line = toLine(entry);
    if (this.#waitingBytes + line.byteLength > AUDIT_WAITING_BYTES_MAX) {
      this.#lost++;
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += line.byteLength;
    if (this.#state.kind === "open") this.#urge();
  }

  /** Writes until nothing waits, unless that is under way. */
  #urge(): void {
    this.#writing ??= this.#writeAll();
  }

  async #writeAll(): Promise<void> {
    // What comes in the same turn goes in the same write.
    await Promise.resolve();
    try {
      while (this.#waiting.length > 0) await this.#writeSome();
      this.#onSuccess();
    } catch (error) {
      this.#onFailure(error);
    } finally {
      this.#writing = null;
    }
  }

  async #writeSome(): Promise<void> {
    const lines = [...this.#waiting];
    const lost = this.#lost;
    const marker = lost === 0 ? [] : [toLine(lostEntry(lost, this.#clock.wallMs()))];
    await append(this.#path, { bytes: joined([...lines, ...marker]), bytesMax: this.#bytesMax });
    // More may have come meanwhile, behind these.
    this.#waiting = this.#waiting.slice(lines.length);
    this.#waitingBytes = this.#waiting.reduce((sum, line) => sum + line.byteLength, 0);
    this.#lost -= lost;
  }

  #onSuccess(): void {
    if (this.#state.kind !== "failing") return;
    this.#state.retry.cancel();
    this.#state = { kind: "open" };
    this.#logger.info("audit written again", { path: this.#path });
  }

  #onFailure(error: unknown): void {
    if (this.#state.kind === "closed") return;
    if (this.#state.kind === "open") {
      this.#logger.error("audit not written", { path: this.#path, reason: errorText(error) });
    } else this.#state.retry.cancel();
    const retry = this.#clock.setTimer(() => this.#urge(), RETRY_MS);
    this.#state = { kind: "failing", retry };
  }

  async #close(): Promise<void> {
    await this.#writing;
    // A disk that failed gets a last try.
    if (this.#waiting.length > 0) {
      this.#urge();
      await this.#writing;
    }
    if (this.#state.kind === "failing") this.#state.retry.cancel();
    this.#state = { kind: "closed" };
    const lost = this.#waiting.length + this.#lost;
    if (lost > 0) this.#logger.error("audit lost", { path: this.#path, entries: lost });
  }
}

/** Adds lines to a file that others may have moved away; it is put aside first when they have no room in it. */
async function append(
  path: string,
  { bytes, bytesMax }: { readonly bytes: Uint8Array; readonly bytesMax: number },
): Promise<void> {
  const directory = path.slice(0, Math.max(0, path.lastIndexOf("/")));
  if (directory !== "") await Deno.mkdir(directory, { recursive: true, mode: DIRECTORY_MODE });
  const size = await sizeOf(path);
  if (size > 0 && size + bytes.byteLength > bytesMax) await Deno.rename(path, `${path}.1`);
  using file = await Deno.open(path, { read: true, append: true, create: true, mode: FILE_MODE });
  const whole = await isTorn(file) ? joined([Uint8Array.of(NEW_LINE), bytes]) : bytes;
  let done = 0;
  while (done < whole.byteLength) done += await file.write(whole.subarray(done));
  await file.syncData();
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await Deno.stat(path)).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

/** Whether the last line has no end: the disk was full, or the machine stopped. */
async function isTorn(file: Deno.FsFile): Promise<boolean> {
  if ((await file.stat()).size === 0) return false;
  await file.seek(-1, Deno.SeekMode.End);
  const last = new Uint8Array(1);
  return await file.read(last) === 1 && last[0] !== NEW_LINE;
}

function toLine(entry: AuditEntry): Uint8Array {
  const text = JSON.stringify(
    entry,
    (_, value) => typeof value === "string" ? shortened(value) : value,
  );
  return new TextEncoder().encode(`${text}\n`);
}

function shortened(text: string): string {
  return text.length <= AUDIT_TEXT_MAX ? text : `${text.slice(0, AUDIT_TEXT_MAX)}…`;
}

function lostEntry(count: number, timeMs: number): AuditEntry {
  return {
    timeMs,
    by: "",
    remote: "",
    action: "audit",
    subject: null,
    cid: null,
    outcome: "failed",
    reason: `${count} entries are lost: more came than the disk could take`,
  };
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
