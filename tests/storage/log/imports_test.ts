import { assertEquals } from "@std/assert";

const FOLDER = new URL("../../../src/log/", import.meta.url);
/** What `src/log` may import besides itself; types only where marked. */
const ALLOWED = /^(import type .* from "\.\.\/protocol\/packet\.ts"|.* from "\.\.\/util\/\w+\.ts")/;

/** File -> files of the folder that it imports, types included. */
async function readGraph(): Promise<Map<string, readonly string[]>> {
  const graph = new Map<string, readonly string[]>();
  for await (const { name } of Deno.readDir(FOLDER)) {
    const text = await Deno.readTextFile(new URL(name, FOLDER));
    graph.set(name, Array.from(text.matchAll(/from "\.\/(\w+\.ts)"/g), ([, file]) => file ?? ""));
  }
  return graph;
}

Deno.test("src/log has no cycle of imports, types included", async () => {
  const graph = await readGraph();
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    assertEquals(path.includes(file), false, [...path, file].join(" -> "));
    if (done.has(file)) return;
    for (const next of graph.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of graph.keys()) visit(file, []);
});

Deno.test("src/log imports its own files, util, and types of packets; one file knows Deno", async () => {
  const wrong: string[] = [];
  for await (const { name } of Deno.readDir(FOLDER)) {
    const text = await Deno.readTextFile(new URL(name, FOLDER));
    const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/\/\/.*$/gm, "");
    const isDenoFile = name === "deno_files.ts";
    for (const statement of code.match(/^(import|export)[^;]* from "[^"]+"/gm) ?? []) {
      const line = statement.replaceAll(/\s+/g, " ");
      const isOwn = /from "\.\/\w+\.ts"$/.test(line);
      const isNode = isDenoFile && line.endsWith('from "node:fs/promises"');
      if (!isOwn && !isNode && !ALLOWED.test(line)) wrong.push(`${name}: ${line}`);
    }
    if (!isDenoFile && /\bDeno\b/.test(code)) wrong.push(`${name} uses Deno`);
  }
  assertEquals(wrong, []);
});
