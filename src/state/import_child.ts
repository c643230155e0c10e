/**
 * The process that reads a store of rembus.python and copies its tables: the only part of an import with native
 * code. It reads one request from stdin, and writes one answer to stdout.
 *
 * @module
 */
import { reasonOf } from "../lake/errors.ts";
import type { ImportAnswer, ImportRequest } from "./import_message.ts";
import { importStore } from "./import_store.ts";

/** Serves one import over stdin and stdout. */
export async function serveImport(): Promise<void> {
  const request = await new Response(Deno.stdin.readable).json() as ImportRequest;
  const bytes = new TextEncoder().encode(JSON.stringify(await answer(request)));
  await new Response(bytes).body?.pipeTo(Deno.stdout.writable);
}

async function answer(request: ImportRequest): Promise<ImportAnswer> {
  try {
    return await importStore(request);
  } catch (error) {
    return { kind: "failed", message: reasonOf(error) };
  }
}

if (import.meta.main) await serveImport();
