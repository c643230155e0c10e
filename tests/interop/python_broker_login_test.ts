// Goal: our component registers with, logs in to, and leaves a broker of rembus.python.
// Method: the tenant's PIN is put into the tables of that broker before it starts, as its tool does.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { component } from "../../src/client/component.ts";
import { register } from "../../src/client/register.ts";
import { secretFiles } from "../../src/host/secret_files.ts";
import { generateKeys } from "../../src/identity/generate.ts";
import { memoryKeys } from "../../src/identity/memory_keys.ts";
import { LoginError, RembusError } from "../../src/protocol/errors.ts";
import { pythonForTests, pythonTest } from "../helpers/python.ts";
import { type PythonBroker, startPythonBroker } from "./python_peer.ts";

const PIN = "11223344";

/** `broker.py` keeps its tables here, and makes them when they are missing. */
const ADD_TENANT = `
import duckdb, os, sys
with duckdb.connect(os.path.join(sys.argv[1], "broker.duckdb")) as db:
    db.execute("INSERT INTO tenant VALUES ('broker', '.', ?)", [sys.argv[2]])
`;

async function addTenant(python: string, dir: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(python, {
    args: ["-c", ADD_TENANT, dir, PIN],
    stdin: "null",
  }).output();
  assert(success, new TextDecoder().decode(stderr));
}

interface Site extends AsyncDisposable {
  readonly broker: PythonBroker;
  /** Directory of the broker. */
  readonly dir: string;
}

/** A broker that has a tenant. */
async function startSite(python: string): Promise<Site> {
  const dir = await Deno.makeTempDir({ prefix: "rembus-python-login-" });
  const remove = (): Promise<void> => Deno.remove(dir, { recursive: true });
  try {
    await (await startPythonBroker({ python, dir }))[Symbol.asyncDispose]();
    await addTenant(python, dir);
    const broker = await startPythonBroker({ python, dir });
    return {
      broker,
      dir,
      async [Symbol.asyncDispose](): Promise<void> {
        await broker[Symbol.asyncDispose]();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

pythonTest(
  await pythonForTests(),
  "our component registers with a broker of rembus.python, logs in and leaves, with both kinds of keys in CBOR and JSON",
  async (python) => {
    await using site = await startSite(python);
    const { broker: { url } } = site;
    const keys = secretFiles(`${site.dir}/ours`);
    for (const encoding of ["cbor", "json"] as const) {
      for (const scheme of ["rsa", "ecdsa"] as const) {
        const name = `${scheme}-${encoding}`;
        const address = `${url}/${name}`;
        await register(address, PIN, { keys, scheme, encoding });
        const stranger = memoryKeys();
        const missing = await assertRejects(
          () => component(address, { encoding, keys: stranger }),
          LoginError,
        );
        const { privatePem } = await generateKeys(scheme);
        await stranger.save(name, new TextEncoder().encode(privatePem));
        const wrong = await assertRejects(
          () => component(address, { encoding, keys: stranger }),
          LoginError,
        );
        assertEquals([missing.status, wrong.status], [11, 10]);
        {
          await using node = await component(address, { encoding, keys });
          assertEquals(await node.rpc("add", 1, 2), 3);
          await node.unregister();
          assertEquals(await keys.load(name), null);
        }
        // Nobody needs a key for it any more.
        await using again = await component(address, { encoding });
        assertEquals(await again.rpc("add", 1, 2), 3);
      }
    }
  },
);

pythonTest(
  await pythonForTests(),
  "our component is told why a broker of rembus.python does not register it",
  async (python) => {
    await using site = await startSite(python);
    const { broker: { url } } = site;
    await register(`${url}/alice`, PIN, { keys: memoryKeys(), scheme: "ecdsa" });
    for (const encoding of ["cbor", "json"] as const) {
      for (
        const [name, pin, status, text] of [
          ["alice", PIN, 60, "not available"],
          ["bob", "00000000", 10, "wrong tenant/pin"],
          ["bob.acme", PIN, 10, "wrong tenant/pin"],
        ] as const
      ) {
        const keys = memoryKeys();
        const error = await assertRejects(
          () => register(`${url}/${name}`, pin, { keys, scheme: "ecdsa", encoding }),
          RembusError,
          text,
        );
        assertEquals([error.status, await keys.load(name)], [status, null]);
      }
    }
  },
);
