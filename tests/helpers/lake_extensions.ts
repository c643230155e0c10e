import type { Need } from "./needs.ts";

/**
 * Directory with DuckLake's extensions of exactly the pinned DuckDB version: `REMBUS_EXTENSION_DIR`.
 * docs/LAKE.md says where they come from.
 */
export const EXTENSIONS: Need<string> = {
  found: Deno.env.get("REMBUS_EXTENSION_DIR") ?? null,
  missing: "no DuckLake extension: see docs/LAKE.md, and set REMBUS_EXTENSION_DIR",
};
