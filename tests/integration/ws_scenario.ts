/** What a client saw. Codes and reasons are those of its own close events. */
export interface ClientReport {
  /** Echoes that were not what was sent. */
  readonly wrongEchoes: readonly string[];
  /** `code reason` when the client closed with 4001. */
  readonly ownClose: string;
  /** `code reason` for each code that the server was asked to close with. */
  readonly serverCloses: readonly string[];
  /** Code after the server cut the connection. */
  readonly cut: number;
  /** Code after a message that was larger than the limit. */
  readonly tooLarge: number;
}

/** Sizes of messages that are sent and come back. */
export const ECHO_SIZES: readonly number[] = [0, 1, 125, 126, 127, 65_535, 65_536, 1_048_576];
/** Codes that the server is asked to close with. */
export const SERVER_CODES: readonly number[] = [1000, 1001, 1008, 1013, 4002];
/** The largest message that the server takes. */
export const SCENARIO_BYTES_MAX: number = 2 * 1_048_576;

/** What the client is given. */
export interface ScenarioArguments {
  readonly url: string;
  readonly sizes: readonly number[];
  readonly codes: readonly number[];
  readonly bytesMax: number;
}

/**
 * What a client with the interface of WHATWG does with the server of `ws_clients_test.ts`. It is also sent as
 * text to Node and Chromium: it must refer to nothing outside of itself.
 */
export async function scenario(
  { url, sizes, codes, bytesMax }: ScenarioArguments,
  Socket: typeof WebSocket = WebSocket,
): Promise<ClientReport> {
  interface Talk {
    readonly socket: WebSocket;
    readonly closed: Promise<{ code: number; text: string }>;
    next(): Promise<string | Uint8Array>;
  }
  const open = async (): Promise<Talk> => {
    const socket = new Socket(url);
    socket.binaryType = "arraybuffer";
    const received: (string | Uint8Array)[] = [];
    const waiting: ((data: string | Uint8Array) => void)[] = [];
    socket.addEventListener("message", ({ data }: MessageEvent) => {
      const message = typeof data === "string" ? data : new Uint8Array(data);
      const waiter = waiting.shift();
      if (waiter === undefined) received.push(message);
      else waiter(message);
    });
    const closed = new Promise<{ code: number; text: string }>((resolve) => {
      socket.addEventListener("close", ({ code, reason }: CloseEvent) => {
        resolve({ code, text: `${code} ${reason}` });
      });
    });
    // An error is followed by a close, which says what is needed; `ws` throws one that nobody listens to.
    socket.addEventListener("error", () => {});
    await new Promise((resolve) => socket.addEventListener("open", resolve));
    return {
      socket,
      closed,
      next: () => {
        const message = received.shift();
        if (message !== undefined) return Promise.resolve(message);
        return new Promise((resolve) => waiting.push(resolve));
      },
    };
  };

  const wrongEchoes: string[] = [];
  const talk = await open();
  for (const size of sizes) {
    const text = "ü".repeat(size >> 1) + "x".repeat(size & 1);
    talk.socket.send(text);
    if (await talk.next() !== text) wrongEchoes.push(`text ${size}`);
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; i++) bytes[i] = i * 7;
    talk.socket.send(bytes);
    const echo = await talk.next();
    const isSame = typeof echo !== "string" && echo.length === size &&
      echo.every((byte, i) => byte === bytes[i]);
    if (!isSame) wrongEchoes.push(`binary ${size}`);
  }
  // Long enough for pings of the server to be answered.
  await new Promise((resolve) => setTimeout(resolve, 150));
  talk.socket.send("still here");
  if (await talk.next() !== "still here") wrongEchoes.push("after pings");
  talk.socket.close(4001, "client bye");
  const ownClose = (await talk.closed).text;

  const serverCloses: string[] = [];
  for (const code of codes) {
    const asked = await open();
    asked.socket.send(`close ${code}`);
    serverCloses.push((await asked.closed).text);
  }
  const cutTalk = await open();
  cutTalk.socket.send("terminate");
  const cut = (await cutTalk.closed).code;
  const largeTalk = await open();
  largeTalk.socket.send(new Uint8Array(bytesMax + 1));
  const tooLarge = (await largeTalk.closed).code;
  return { wrongEchoes, ownClose, serverCloses, cut, tooLarge };
}
