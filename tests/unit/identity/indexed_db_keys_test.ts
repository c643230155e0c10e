// The happy side is in tests/browser/keys_test.ts: Deno has no IndexedDB.
import { assertRejects } from "@std/assert";
import { KeyError } from "../../../src/identity/errors.ts";
import { indexedDbKeys } from "../../../src/identity/indexed_db_keys.ts";

Deno.test("indexedDbKeys() rejects every method where there is no IndexedDB", async () => {
  const keys = indexedDbKeys();
  for (
    const use of [
      () => keys.load("alice"),
      () => keys.save("alice", Uint8Array.of(1)),
      () => keys.remove("alice"),
    ]
  ) await assertRejects(use, KeyError, "expected a browser that has it");
});
