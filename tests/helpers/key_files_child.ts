import { openKeyFiles } from "../../src/store/key_files.ts";

const [directory = ""] = Deno.args;
const keys = await openKeyFiles(directory);
const secret = { kind: "secret", bytes: new TextEncoder().encode("s3cret") } as const;
if (!await keys.put("plant/alice", secret)) throw new Error("it was not stored");
if (await keys.get("plant/alice") === null) throw new Error("it was not found");
if (!await keys.remove("plant/alice")) throw new Error("it was not removed");
