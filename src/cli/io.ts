import { type Host, systemHost } from "../host/host.ts";
import { type Interruption, listenForInterruption } from "../host/signals.ts";
import type { Logger } from "../util/log.ts";
import { EXIT, OutputClosedError } from "./exit.ts";
import { askUnseen } from "./ask.ts";

/** Everything that a command touches besides the network. Tests give their own. */
export interface CliIo {
  /** Environment and files. */
  readonly host: Host;
  /** Whether standard output is a terminal, so that colours make sense. */
  readonly isTerminal: boolean;
  /** Characters of one line of the terminal; `null` when standard output is none. */
  readonly width: number | null;
  /** Writes one line to standard output. Rejects with `OutputClosedError` when nobody reads it. */
  line(text: string): Promise<void>;
  /** Reads a file. */
  load(path: string): Promise<Uint8Array>;
  /** Reads standard input to its end. */
  input(): Promise<Uint8Array>;
  /** Asks for something that must not be seen: nothing of what is typed is shown. `null` without a terminal. */
  askSecret(question: string): Promise<string | null>;
  /** Writes a file, in place of one that is there. */
  save(path: string, bytes: Uint8Array): Promise<void>;
  /** Writes one line to standard error, at once. */
  error(text: string): void;
  /** Starts to listen for Ctrl-C. */
  interruption(): Interruption;
}

const encoder = new TextEncoder();

/** The terminal, files and environment of this process. */
export function systemIo(logger: Logger): CliIo {
  return {
    host: systemHost(logger),
    isTerminal: Deno.stdout.isTerminal(),
    get width(): number | null {
      return Deno.stdout.isTerminal() ? Deno.consoleSize().columns : null;
    },
    load: (path) => Deno.readFile(path),
    input: async () => new Uint8Array(await new Response(Deno.stdin.readable).arrayBuffer()),
    askSecret: (question) => askUnseen(question),
    save: (path, bytes) => Deno.writeFile(path, bytes),
    async line(text: string): Promise<void> {
      const bytes = encoder.encode(`${text}\n`);
      try {
        for (let sent = 0; sent < bytes.length;) {
          sent += await Deno.stdout.write(bytes.subarray(sent));
        }
      } catch (error) {
        if (error instanceof Deno.errors.BrokenPipe) {
          throw new OutputClosedError("Cannot write output: nobody reads it", { cause: error });
        }
        throw error;
      }
    },
    error(text: string): void {
      const bytes = encoder.encode(`${text}\n`);
      try {
        for (let sent = 0; sent < bytes.length;) {
          sent += Deno.stderr.writeSync(bytes.subarray(sent));
        }
      } catch (error) {
        // A log that nobody reads must not end a broker that others use.
        if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
      }
    },
    interruption(): Interruption {
      return listenForInterruption(() => Deno.exit(EXIT.INTERRUPTED));
    },
  };
}
