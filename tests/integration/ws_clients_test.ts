// Goal: clients that others wrote hold a whole conversation with our WebSocket listener.
import { assert, assertEquals } from "@std/assert";
import { chromium } from "playwright-core";
import { WebSocket as WsSocket } from "ws";
import type { LinkClose } from "../../src/link/link.ts";
import { listenWebSocket } from "../../src/link/ws_listener.ts";
import { chromiumForTests } from "../browser/chromium.ts";
import { eventually } from "../helpers/eventually.ts";
import { findProgram, findPythonWithWebSockets } from "../helpers/find_program.ts";
import { testNeeding } from "../helpers/needs.ts";
import {
  type ClientReport,
  ECHO_SIZES,
  scenario,
  SCENARIO_BYTES_MAX,
  type ScenarioArguments,
  SERVER_CODES,
} from "./ws_scenario.ts";

/** How long a client may take for all of it, in milliseconds. */
const CLIENT_MS = 60_000;

/** Sends every message back, closes and cuts when it is told to. */
interface Server extends AsyncDisposable {
  readonly arguments: ScenarioArguments;
  readonly closes: LinkClose[];
}

function serve(): Server {
  const closes: LinkClose[] = [];
  const listener = listenWebSocket({
    hostname: "127.0.0.1",
    port: 0,
    pingIntervalMs: 20,
    messageBytesMax: SCENARIO_BYTES_MAX,
    // The page of a browser that was not loaded from anywhere has the origin null.
    origins: ["*"],
    onLink: (link) =>
      link.start({
        message: (data) => {
          if (data === "terminate") link.terminate();
          else if (typeof data === "string" && data.startsWith("close ")) {
            link.close(Number(data.slice(6)), "server bye");
          } else link.send(data);
        },
        drained: () => {},
        closed: (close) => closes.push(close),
      }),
  });
  return {
    arguments: {
      url: listener.url,
      sizes: ECHO_SIZES,
      codes: SERVER_CODES,
      bytesMax: SCENARIO_BYTES_MAX,
    },
    closes,
    [Symbol.asyncDispose]: () => listener.close(),
  };
}

/** Runs one client through everything. `quirk` is what it is known to say differently. */
async function converse(
  client: (given: ScenarioArguments) => Promise<ClientReport>,
  quirk: Partial<ClientReport> = {},
): Promise<void> {
  await using server = serve();
  const report = await client(server.arguments);
  assertEquals(report, {
    wrongEchoes: [],
    ownClose: "4001 client bye",
    serverCloses: SERVER_CODES.map((code) => `${code} server bye`),
    cut: 1006,
    tooLarge: 1009,
    ...quirk,
  });
  await eventually(() => {
    assertEquals(server.closes.map(({ code }) => code), [4001, ...SERVER_CODES, 1006, 1009]);
  });
  assertEquals(server.closes[0]?.reason, "client bye");
}

/** Runs a program that prints its report. */
async function runClient(program: string, args: readonly string[]): Promise<ClientReport> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    signal: AbortSignal.timeout(CLIENT_MS),
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test("the WebSocket of Deno talks to our listener", async () => {
  // Deno says 0 where the standard says 1006, and 1005 when it closes after it was pinged.
  await converse((given) => scenario(given), { cut: 0, ownClose: "1005 " });
});

Deno.test("npm:ws talks to our listener", async () => {
  await converse((given) => scenario(given, WsSocket as unknown as typeof WebSocket));
});

Deno.test("npm:ws sends fragments, pings and pongs to our listener", async () => {
  await using server = serve();
  const socket = new WsSocket(server.arguments.url);
  const messages: unknown[] = [];
  const pongs: string[] = [];
  socket.on("message", (data: Uint8Array, isBinary: boolean) => {
    messages.push([isBinary, data.length, new TextDecoder().decode(data.subarray(0, 3))]);
  });
  socket.on("pong", (data: Uint8Array) => pongs.push(new TextDecoder().decode(data)));
  await new Promise((resolve) => socket.on("open", resolve));
  socket.pong("unasked");
  socket.send("a", { fin: false });
  socket.ping("within");
  socket.send("", { fin: false });
  socket.send("bc", { fin: true });
  for (let i = 0; i < 100; i++) {
    socket.send(new Uint8Array(10_000), { binary: true, fin: i === 99 });
  }
  await eventually(() => {
    assertEquals(messages, [[false, 3, "abc"], [true, 1_000_000, "\0\0\0"]]);
    assert(pongs.includes("within"));
  });
  const closed = new Promise((resolve) => socket.on("close", resolve));
  socket.close();
  assertEquals(await closed, 1005);
  await eventually(() => assertEquals(server.closes.map(({ code }) => code), [1005]));
});

testNeeding(
  await findProgram(
    [[
      Deno.env.get("REMBUS_TEST_NODE") || "node",
      "--experimental-websocket",
      "-e",
      "process.exit(typeof WebSocket === 'function' ? 0 : 1)",
    ]],
    "no Node with a WebSocket, 20.10 or newer: install it, or set REMBUS_TEST_NODE",
  ),
  "the WebSocket of Node talks to our listener",
  (node) =>
    converse((given) =>
      runClient(node, [
        "--experimental-websocket",
        "--no-warnings",
        "-e",
        `(${scenario})(${JSON.stringify(given)})` +
        ".then((report) => console.log(JSON.stringify(report)))",
      ])
    ),
);

testNeeding(
  await findPythonWithWebSockets(),
  "websockets of Python talks to our listener, with fragments and pings",
  (python) =>
    converse((given) =>
      runClient(python, [
        `${import.meta.dirname}/python/ws_client.py`,
        JSON.stringify(given),
      ])
    ),
);

testNeeding(
  await chromiumForTests(),
  "Chromium talks to our listener",
  async (executablePath) => {
    const browser = await chromium.launch({
      executablePath,
      // Its sandbox does not run as root.
      args: Deno.uid() === 0 ? ["--no-sandbox"] : [],
    });
    try {
      const page = await browser.newPage();
      await converse((given) => page.evaluate(scenario, given));
    } finally {
      await browser.close();
    }
  },
);
