/**
 * The command line tool: a broker, and a component for the shell.
 *
 * ```sh
 * deno run -A jsr:@rembus/cli broker
 * deno run -A jsr:@rembus/cli sub '*' --json
 * deno run -A jsr:@rembus/cli help
 * ```
 *
 * @module
 */
import { main } from "./src/cli/main.ts";

if (import.meta.main) Deno.exit(await main(Deno.args));
