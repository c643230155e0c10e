// Goal: our dialler holds a whole conversation with WebSocket servers that others wrote.
import { assert, assertEquals } from "@std/assert";
import { type WebSocket as WsSocket, WebSocketServer } from "ws";
import { dialTcpWebSocket } from "../../src/link/ws_dialler.ts";
import { eventually } from "../helpers/eventually.ts";
import { findPythonWithWebSockets } from "../helpers/find_program.ts";
import { LinkRecorder } from "../helpers/link_recorder.ts";
import { testNeeding } from "../helpers/needs.ts";
import { ECHO_SIZES } from "./ws_scenario.ts";

/** How long a server in another process may take to start or to end, in milliseconds. */
const PROCESS_MS = 60_000;
const MIB = 1_048_576;

/**
 * Sends every message back, but `close <code>`, upon which it closes so, `terminate`, upon which it cuts, and
 * `fragments`, upon which it sends `abc` in fragments with a ping in between, and `pong` when that is answered.
 */
interface Server extends AsyncDisposable {
  readonly url: string;
  /** What the server saw of the closes of its peers, as `code reason`, as far as it knows. */
  closes(): Promise<readonly string[]>;
}

/** What a server cannot do. */
interface Abilities {
  /** Codes that it can close with. */
  readonly codes: readonly number[];
  /** Whether it can cut, and send fragments and pings. */
  readonly isRaw: boolean;
}

const ALL: Abilities = { codes: [1000, 1001, 1008, 1013, 4002], isRaw: true };

async function dial(url: string): Promise<LinkRecorder> {
  return new LinkRecorder(
    await dialTcpWebSocket(url, { signal: AbortSignal.timeout(10_000) }),
  ).start();
}

/** Runs through everything with one server. */
async function converse(server: Server, { codes, isRaw }: Abilities): Promise<void> {
  const talk = await dial(server.url);
  for (const size of ECHO_SIZES) {
    const text = "ü".repeat(size >> 1) + "x".repeat(size & 1);
    const bytes = Uint8Array.from({ length: size }, (_, i) => i * 7);
    const before = bytes.slice();
    talk.send(text);
    talk.send(bytes.subarray(0, size >> 1), bytes.subarray(size >> 1));
    assertEquals(bytes, before);
  }
  await talk.received(2 * ECHO_SIZES.length);
  for (const [at, size] of ECHO_SIZES.entries()) {
    const [text = "", bytes = ""] = talk.messages.slice(2 * at, 2 * at + 2);
    assertEquals(text, "ü".repeat(size >> 1) + "x".repeat(size & 1));
    assert(isPattern(bytes, size), `echo of ${size} bytes`);
  }
  if (isRaw) {
    talk.messages.length = 0;
    talk.send("fragments");
    await talk.received(2);
    assertEquals([...talk.messages].sort(), ["abc", "pong"]);
  }
  talk.close(4001, "client bye");
  assertEquals(await talk.closedOnce, { code: 4001, reason: "client bye" });

  for (const code of codes) {
    const asked = await dial(server.url);
    asked.send(`close ${code}`);
    assertEquals(await asked.closedOnce, { code, reason: "server bye" });
  }
  if (isRaw) {
    const cut = await dial(server.url);
    cut.send("terminate");
    assertEquals((await cut.closedOnce).code, 1006);
  }
  const cutting = await dial(server.url);
  cutting.send(new Uint8Array(8 * MIB));
  cutting.terminate();
  assertEquals((await cutting.closedOnce).code, 1006);
  const standard = await dial(server.url);
  // A WHATWG socket could not send it.
  standard.close(1013, "overloaded");
  assertEquals(await standard.closedOnce, { code: 1013, reason: "overloaded" });
  await eventually(async () => {
    const closes = await server.closes();
    assert(closes.includes("4001 client bye") && closes.includes("1013 overloaded"), `${closes}`);
  });
}

function isPattern(bytes: Uint8Array | string, size: number): boolean {
  return typeof bytes !== "string" && bytes.length === size &&
    bytes.every((byte, i) => byte === (i * 7 & 255));
}

async function serveWs(): Promise<Server> {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  await new Promise((resolve) => server.once("listening", resolve));
  const closes: string[] = [];
  server.on("connection", (socket: InstanceType<typeof WsSocket>) => {
    socket.on("error", () => {});
    socket.on("pong", () => socket.send("pong"));
    socket.on("close", (code: number, reason: Uint8Array) => {
      closes.push(`${code} ${new TextDecoder().decode(reason)}`);
    });
    socket.on("message", (data: Uint8Array, isBinary: boolean) => {
      const text = isBinary ? "" : new TextDecoder().decode(data);
      if (text === "terminate") socket.terminate();
      else if (text.startsWith("close ")) socket.close(Number(text.slice(6)), "server bye");
      else if (text === "fragments") {
        socket.send("a", { fin: false });
        socket.ping("within");
        socket.send("", { fin: false });
        socket.send("bc", { fin: true });
      } else socket.send(data, { binary: isBinary });
    });
  });
  const { port } = server.address() as { port: number };
  return {
    url: `ws://127.0.0.1:${port}`,
    closes: () => Promise.resolve(closes),
    async [Symbol.asyncDispose](): Promise<void> {
      for (const client of server.clients) client.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function serveDeno(): Server {
  const closes: string[] = [];
  const ends: Promise<void>[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request);
    const end = Promise.withResolvers<void>();
    ends.push(end.promise);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      if (typeof data === "string" && data.startsWith("close ")) {
        socket.close(Number(data.slice(6)), "server bye");
      } else socket.send(data);
    };
    socket.onerror = (event) => event.preventDefault();
    socket.onclose = ({ code, reason }) => {
      closes.push(`${code} ${reason}`);
      end.resolve();
    };
    return response;
  });
  return {
    url: `ws://127.0.0.1:${server.addr.port}/path?query=1`,
    closes: () => Promise.resolve(closes),
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.all(ends);
      await server.shutdown();
    },
  };
}

/** A server in a process of its own, which prints its port, then one line for each close. */
async function servePython(python: string): Promise<Server> {
  const child = new Deno.Command(python, {
    args: [`${import.meta.dirname}/python/ws_server.py`],
    stdin: "piped",
    stdout: "piped",
    signal: AbortSignal.timeout(PROCESS_MS),
  }).spawn();
  const lines: string[] = [];
  const reading = (async () => {
    let rest = "";
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      lines.push(...parts);
    }
  })();
  await eventually(() => assert(lines.length > 0));
  return {
    url: `ws://127.0.0.1:${lines[0]}`,
    closes: () => Promise.resolve(lines.slice(1)),
    async [Symbol.asyncDispose](): Promise<void> {
      await child.stdin.close();
      await reading;
      await child.status;
    },
  };
}

Deno.test("our dialler talks to a server of npm:ws", async () => {
  await using server = await serveWs();
  await converse(server, ALL);
});

Deno.test("our dialler talks to the built-in server of Deno", async () => {
  await using server = serveDeno();
  await converse(server, { codes: [1000, 4002], isRaw: false });
});

testNeeding(
  await findPythonWithWebSockets(),
  "our dialler talks to a server of websockets of Python",
  async (python) => {
    await using server = await servePython(python);
    await converse(server, ALL);
  },
);
