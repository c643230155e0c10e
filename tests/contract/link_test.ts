import { toWhatwgCode } from "../../src/link/close_code.ts";
import type { Link } from "../../src/link/link.ts";
import { memoryPair } from "../../src/link/memory.ts";
import { dialWebSocket } from "../../src/link/whatwg.ts";
import { dialTcpWebSocket } from "../../src/link/ws_dialler.ts";
import { listenWebSocket } from "../../src/link/ws_listener.ts";
import { testAuthority, testLeaf } from "../helpers/certificates.ts";
import { linkContract } from "./link_contract.ts";

linkContract("memory pair", () => {
  const [a, b] = memoryPair();
  return Promise.resolve({ a, b, [Symbol.asyncDispose]: () => Promise.resolve() });
}, { wireCode: (code) => code, codeWhenTerminated: 1006, pauseSlows: true });

linkContract("accepted WebSocket", async () => {
  const { dialled, accepted, close } = await connect(dialWebSocket);
  return { a: accepted, b: dialled, [Symbol.asyncDispose]: close };
}, {
  wireCode: (code) => code,
  codeWhenTerminated: 1006,
  // The peer is a WHATWG socket, which cannot stop to read.
  pauseSlows: false,
});

linkContract("dialled WHATWG WebSocket", async () => {
  const { dialled, accepted, close } = await connect(dialWebSocket);
  return { a: dialled, b: accepted, [Symbol.asyncDispose]: close };
}, {
  wireCode: toWhatwgCode,
  // A WHATWG socket cannot be cut: it says goodbye without a code.
  codeWhenTerminated: 1005,
  pauseSlows: true,
});

linkContract("accepted WebSocket of our own dialler", async () => {
  const { dialled, accepted, close } = await connect(dialTcpWebSocket);
  return { a: accepted, b: dialled, [Symbol.asyncDispose]: close };
}, { wireCode: (code) => code, codeWhenTerminated: 1006, pauseSlows: true });

linkContract("dialled WebSocket", async () => {
  const { dialled, accepted, close } = await connect(dialTcpWebSocket);
  return { a: dialled, b: accepted, [Symbol.asyncDispose]: close };
}, { wireCode: (code) => code, codeWhenTerminated: 1006, pauseSlows: true });

linkContract("accepted WebSocket over TLS", async () => {
  const { dialled, accepted, close } = await connectSecure();
  return { a: accepted, b: dialled, [Symbol.asyncDispose]: close };
}, { wireCode: (code) => code, codeWhenTerminated: 1006, pauseSlows: true });

linkContract("dialled WebSocket over TLS", async () => {
  const { dialled, accepted, close } = await connectSecure();
  return { a: dialled, b: accepted, [Symbol.asyncDispose]: close };
}, { wireCode: (code) => code, codeWhenTerminated: 1006, pauseSlows: true });

interface Connected {
  readonly dialled: Link;
  readonly accepted: Link;
  close(): Promise<void>;
}

async function connect(dial: typeof dialTcpWebSocket): Promise<Connected> {
  const { promise, resolve } = Promise.withResolvers<Link>();
  const listener = listenWebSocket({ hostname: "127.0.0.1", port: 0, onLink: resolve });
  const dialled = await dial(listener.url, { signal: AbortSignal.timeout(5_000) });
  return { dialled, accepted: await promise, close: () => listener.close() };
}

async function connectSecure(): Promise<Connected> {
  const authority = await testAuthority();
  const pair = await testLeaf(authority);
  const { promise, resolve } = Promise.withResolvers<Link>();
  const listener = listenWebSocket({
    hostname: "127.0.0.1",
    port: 0,
    onLink: resolve,
    tls: { pair, stamp: () => Promise.resolve("same"), read: () => Promise.resolve(pair) },
  });
  const dialled = await dialTcpWebSocket(listener.url, {
    signal: AbortSignal.timeout(5_000),
    caCerts: () => Promise.resolve([authority.certificate]),
  });
  return { dialled, accepted: await promise, close: () => listener.close() };
}
