import type { ClientKeys } from "../identity/client_keys.ts";
import type { CallOptions } from "../peer/api.ts";
import { RembusError, Status } from "../protocol/errors.ts";
import { errorText } from "../util/error_text.ts";
import { refusalOf } from "./command.ts";
import { placeOf } from "./proof.ts";
import type { Session } from "./session.ts";

/** One broker that knows the component. */
export interface RegisteredAt {
  /** Name of the component there; `null` for an anonymous one. */
  readonly name: string | null;
  readonly uid: string;
  /** The session that is ready. Throws `ConnectionClosedError` when there is none. */
  session(): Session;
}

/**
 * Has each broker forget the public key of the component there (spec 4.3), and then the key store what proved the name:
 * not before all of them did, since it may be the only key to the others.
 */
export async function unregister(
  brokers: readonly RegisteredAt[],
  keys: ClientKeys | null,
  call: CallOptions,
): Promise<void> {
  // Nothing is asked of any when one is away.
  const asked = brokers.map((broker) => {
    const { name, uid } = broker;
    if (name !== null) return { name, session: broker.session() };
    throw new TypeError(`Cannot unregister "${uid}": expected a component with a name, got none`);
  });
  await Promise.all(asked.map(async ({ name, session }) => {
    const response = await session.request({ type: "unregister" }, call);
    if (response.status !== Status.OK) throw refusalOf(response, `unregister "${name}"`);
  }));
  if (keys === null) return;
  for (const name of new Set(asked.map((one) => one.name))) await forget(name, keys);
}

async function forget(name: string, keys: ClientKeys): Promise<void> {
  try {
    await keys.remove(name);
  } catch (error) {
    throw new RembusError(
      Status.ERROR,
      `Cannot remove the key of "${name}" from ${placeOf(keys, name)}: ${errorText(error)}. ` +
        "The broker has forgotten the name",
      { cause: error },
    );
  }
}
