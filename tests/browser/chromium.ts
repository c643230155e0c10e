import { type Browser, chromium, type Page } from "playwright-core";
import type { Need } from "../helpers/needs.ts";
import { serveModules } from "./client_modules.ts";

/** Names under which systems install it. */
const PROGRAMS = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/**
 * The browser for tests: `REMBUS_TEST_CHROMIUM`, else the first of the usual names on the path. One
 * that was asked for by name must work: else the promise rejects.
 */
export async function chromiumForTests(): Promise<Need<string>> {
  const missing = "no Chromium: install the package chromium, or set REMBUS_TEST_CHROMIUM";
  const wanted = Deno.env.get("REMBUS_TEST_CHROMIUM");
  if (wanted !== undefined && wanted !== "") {
    if (await isFile(wanted)) return { found: wanted, missing };
    throw new Error(`Cannot use REMBUS_TEST_CHROMIUM "${wanted}": expected a program, got none`);
  }
  for (const directory of (Deno.env.get("PATH") ?? "").split(":")) {
    for (const program of PROGRAMS) {
      if (await isFile(`${directory}/${program}`)) {
        return { found: `${directory}/${program}`, missing };
      }
    }
  }
  return { found: null, missing };
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    const absent = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory;
    if (absent) return false;
    throw error;
  }
}

/** A page that can import our modules. */
export interface ClientPage extends AsyncDisposable {
  readonly page: Page;
  /** Errors that nobody caught in the page, and what it wrote to its console. */
  readonly complaints: readonly string[];
}

/** Starts a browser without a window, with an empty page from a server of our modules. */
export async function openPage(executablePath: string): Promise<ClientPage> {
  await using stack = new AsyncDisposableStack();
  const modules = stack.use(serveModules());
  const browser: Browser = await chromium.launch({
    executablePath,
    // Its sandbox does not run as root.
    args: Deno.uid() === 0 ? ["--no-sandbox"] : [],
  });
  stack.defer(() => browser.close());
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => void complaints.push(String(error)));
  page.on("console", (message) => {
    // The browser itself tells of each connection that failed: a broker may be away.
    if (!message.text().startsWith("WebSocket connection to")) complaints.push(message.text());
  });
  await page.goto(modules.url);
  const held = stack.move();
  return { page, complaints, [Symbol.asyncDispose]: () => held.disposeAsync() };
}
