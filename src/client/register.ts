import type { ClientKeys, KeyScheme } from "../identity/client_keys.ts";
import { generateKeys } from "../identity/generate.ts";
import { equalBytes } from "../identity/attestation.ts";
import { webSocketDialer } from "../peer/dial.ts";
import { ConnectionClosedError, refusalText, RembusError, Status } from "../protocol/errors.ts";
import type { Response } from "../protocol/packet.ts";
import { parseComponentUrl } from "../protocol/url.ts";
import { errorText } from "../util/error_text.ts";
import { Connection } from "./connection.ts";
import { type ConnectOptions, resolveComponentOptions } from "./options.ts";
import { placeOf } from "./proof.ts";
import type { Session } from "./session.ts";

/** Options of {@link register}. */
export interface RegisterOptions extends ConnectOptions {
  /** Where the private key is kept. */
  readonly keys: ClientKeys;
  /** Kind of the key pair: RSA of 2048 bit, or ECDSA on P-256. @default {"rsa"} */
  readonly scheme?: KeyScheme;
}

/** Kind of a key -> its number in REGISTER (spec 4.3). */
const KEY_TYPE: Readonly<Record<KeyScheme, number>> = { rsa: 1, ecdsa: 2 };

/** What one registration is about. */
interface Registration {
  readonly name: string;
  readonly pin: string;
  readonly keys: ClientKeys;
  readonly keyType: number;
  /** `.secret`, as it is kept. */
  readonly secret: Uint8Array;
  readonly publicKey: Uint8Array;
}

/**
 * Registers the name in a URL at its broker (spec 4.3): makes a key pair, keeps the private key in `keys`, and gives
 * the public one to the broker, which from then on lets nobody in under that name who has not got the private one.
 * Connects without a name, so that it works with every broker that knows the PIN of the tenant.
 *
 * The private key is kept before the broker is asked, so that a process that dies meanwhile leaves no name behind
 * that nobody can prove; it is removed again when the broker refuses.
 *
 * Rejects with `RembusError` when there is a key for the name already (10), when the broker refuses (10 for a wrong
 * PIN or tenant, 60 for a name that is taken), and when it is not known whether it did, in which case the private
 * key stays; with `ConnectionClosedError` when the broker is away; with `TypeError` or `RangeError` for a URL,
 * PIN or option that cannot be honoured.
 *
 * @example
 * ```ts
 * import { component, memoryKeys, register } from "@rembus/cli/client";
 *
 * const keys = memoryKeys();
 * await register("ws://127.0.0.1:8338/meter", "11223344", { keys, scheme: "ecdsa" });
 * await using meter = await component("ws://127.0.0.1:8338/meter", { keys });
 * ```
 */
export async function register(
  url: string,
  pin: string,
  { keys, scheme = "rsa", ...options }: RegisterOptions,
): Promise<void> {
  const component = resolveComponentOptions(options);
  const { dial: address, name, text } = parseComponentUrl(url, component.baseUrl);
  if (name === null) throw new TypeError(`Cannot register "${text}": expected a URL with a name`);
  if (typeof pin !== "string" || pin === "") {
    throw new TypeError(`Cannot register "${name}": expected a PIN, got none`);
  }
  if (!Object.hasOwn(KEY_TYPE, scheme)) {
    throw new TypeError(
      `Cannot register "${name}": "scheme" must be rsa or ecdsa, got "${scheme}"`,
    );
  }
  component.signal?.throwIfAborted();
  await assertUnkept(name, keys);
  // Before the link is open: a broker that lets nobody in without a proof gives a newcomer only seconds.
  const { privatePem, publicPem } = await generateKeys(scheme);
  const encoder = new TextEncoder();
  const registration: Registration = {
    name,
    pin,
    keys,
    keyType: KEY_TYPE[scheme],
    secret: encoder.encode(privatePem),
    publicKey: encoder.encode(publicPem),
  };
  const { dial, signal } = component;
  const connection = new Connection({
    url: text,
    dial: dial === null ? webSocketDialer(address) : (aborted) => dial(address, aborted),
    reconnects: false,
    // Any question before its own would be one that the broker may refuse.
    component: { ...component, heartbeatMs: 0 },
    handler: {
      prepare: (session) => ask(session, registration),
      ready: ignore,
      lost: ignore,
      packet: ignore,
      event: ignore,
      ended: ignore,
    },
  });
  const close = (): Promise<void> => connection.close(new ConnectionClosedError());
  const onAbort = (): void => void close();
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    await connection.start();
  } finally {
    signal?.removeEventListener("abort", onAbort);
    await close();
  }
}

const ignore = (): void => {};

/** Throws when there is a key already: it may be the only one that opens a name somewhere else. */
async function assertUnkept(name: string, keys: ClientKeys): Promise<void> {
  if (await keys.load(name) === null) return;
  throw new RembusError(
    Status.ERROR,
    `Cannot register "${name}": expected no key for it, got one in ${placeOf(keys, name)}; ` +
      "take its registration back with unregister, or remove the key if it is of no use any more",
  );
}

/** Keeps the private key, asks the broker to take the public one, and undoes the first when it refuses. */
async function ask(session: Session, registration: Registration): Promise<void> {
  const { name, pin, keys, keyType, secret, publicKey } = registration;
  // Making a key and dialling take long enough for somebody else to have done the same.
  await assertUnkept(name, keys);
  await keys.save(name, secret);
  if (!session.isOpen) {
    await forget(registration);
    throw new ConnectionClosedError();
  }
  let response: Response;
  try {
    response = await session.request({ type: "register", cid: name, pin, publicKey, keyType });
  } catch (error) {
    throw new RembusError(
      Status.ERROR,
      `Cannot tell whether "${name}" was registered: expected an answer, got none ` +
        `(${errorText(error)}). Its key stays in ${placeOf(keys, name)}: connect with it to find ` +
        "out, and remove it if the broker does not know the name",
      { cause: error },
    );
  }
  const { status, data } = response;
  if (status === Status.OK) return await assertKept(registration);
  const refusal = `Cannot register "${name}": ${refusalText(status, data.value)}`;
  try {
    await forget(registration);
  } catch (error) {
    const place = placeOf(keys, name);
    const text = `${refusal}. Its key could not be removed from ${place}: ${errorText(error)}`;
    throw new RembusError(status, text, { cause: error });
  }
  throw new RembusError(status, refusal);
}

/** Removes our key, and no other that took its place meanwhile. */
async function forget({ name, keys, secret }: Registration): Promise<void> {
  const kept = await keys.load(name);
  if (kept !== null && equalBytes(kept, secret)) await keys.remove(name);
}

/** Somebody else, whom the broker refused, may have put a key there meanwhile, or taken ours away. */
async function assertKept({ name, keys, secret }: Registration): Promise<void> {
  const kept = await keys.load(name);
  if (kept === null || !equalBytes(kept, secret)) await keys.save(name, secret);
}
