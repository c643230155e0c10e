import { openStorage, type Storage } from "../../src/store/open_storage.ts";
import type { StorageOptions } from "../../src/store/options.ts";
import { temporaryDirectory } from "./lake_directory.ts";
import { README_SCHEMA } from "./lake_schema.ts";

/** Opens what a broker keeps in a directory, with the tables of the README in a native file. */
export function openReadme(
  dir: string,
  more: Partial<StorageOptions> = {},
): Promise<Storage> {
  return openStorage({
    dir,
    name: "broker",
    tables: { schema: README_SCHEMA, storage: "native", commitMs: 0 },
    ...more,
  });
}

export { temporaryDirectory };
