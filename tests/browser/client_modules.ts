import { stripTypeScriptTypes } from "node:module";

const ROOT = new URL("../../", import.meta.url);
/** An empty page, which asks for no icon either. */
const PAGE = '<!doctype html><title></title><link rel="icon" href="data:,">';
/** The specifiers of imports and re-exports of our own modules. */
const SPECIFIER = /(\bfrom\s*|\bimport\s*\(?\s*)"(\.{1,2}\/[^"]+)\.ts"/g;

/**
 * One module of this repository as JavaScript: the types are blanked out, nothing else changes. All
 * of the source is written so that this is enough (`erasableSyntaxOnly`).
 */
async function toJavaScript(path: string): Promise<string> {
  return stripTypeScriptTypes(await Deno.readTextFile(new URL(path, ROOT)));
}

/** Pages and modules for a browser. */
export interface ModuleServer extends AsyncDisposable {
  /** An empty page; modules are at their paths in the repository, such as `/client.ts`. */
  readonly url: string;
}

/** Serves the modules of this repository as JavaScript, and an empty page at `/`. */
export function serveModules(): ModuleServer {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/") {
        return new Response(PAGE, { headers: { "content-type": "text/html" } });
      }
      if (!pathname.endsWith(".ts")) return new Response(null, { status: 404 });
      try {
        return new Response(await toJavaScript(pathname.slice(1)), {
          headers: { "content-type": "text/javascript" },
        });
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
        return new Response(null, { status: 404 });
      }
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Writes `client.ts` and all that it imports into a directory, as `client.js` and so on. */
export async function writeClientModules(directory: string): Promise<void> {
  await Deno.writeTextFile(`${directory}/package.json`, '{"type": "module"}');
  const waiting = ["client.ts"];
  const written = new Set<string>();
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (written.has(path)) continue;
    written.add(path);
    const from = new URL(path, ROOT);
    const text = (await toJavaScript(path)).replaceAll(
      SPECIFIER,
      (_, keyword: string, specifier: string) => {
        waiting.push(new URL(`${specifier}.ts`, from).href.slice(ROOT.href.length));
        return `${keyword}"${specifier}.js"`;
      },
    );
    const target = `${directory}/${path.replace(/\.ts$/, ".js")}`;
    await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(target, text);
  }
}
