// Runs every example with the permissions that its own comment names, and shows what it prints.
// Fails when one of them does.
// deno-lint-ignore-file no-console -- a tool talks to whoever runs it
const EXAMPLE_MS_MAX = 60_000;
const ROOT = new URL("../", import.meta.url);

/** Runs one example; `null` when it did its work, else what went wrong. */
async function run(name: string): Promise<string | null> {
  const text = await Deno.readTextFile(new URL(`examples/${name}`, ROOT));
  const command = /^ \* {5}deno (run .*)$/m.exec(text)?.[1];
  if (command === undefined) return "its comment names no command";
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: command.trim().split(/\s+/),
    cwd: ROOT,
    signal: AbortSignal.timeout(EXAMPLE_MS_MAX),
  }).output();
  const output = new TextDecoder().decode(stdout).trimEnd();
  if (output !== "") console.log(output.replaceAll(/^/gm, "  "));
  if (code !== 0) return `exit code ${code}\n${new TextDecoder().decode(stderr)}`;
  return output === "" ? "it printed nothing" : null;
}

const entries = await Array.fromAsync(Deno.readDir(new URL("examples/", ROOT)));
const names = entries.map(({ name }) => name).filter((name) => name.endsWith(".ts")).sort();
let failed = 0;
for (const name of names) {
  console.log(`${name}:`);
  const problem = await run(name);
  if (problem === null) continue;
  console.error(`  failed: ${problem}`);
  failed++;
}
console.log(`${names.length - failed} examples ok, ${failed} failed`);
Deno.exit(failed === 0 ? 0 : 1);
