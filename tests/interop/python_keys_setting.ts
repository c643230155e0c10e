import type { Keys } from "../../src/broker/keys.ts";
import type { KeyScheme } from "../../src/identity/client_keys.ts";
import { generateKeys } from "../../src/identity/generate.ts";
import { openKeyFiles } from "../../src/store/key_files.ts";
import {
  testAuthority,
  type TestKeystore,
  testKeystore,
  testLeaf,
} from "../helpers/certificates.ts";
import { type OurBroker, type OurBrokerOptions, startOurBroker } from "./our_broker.ts";
import { PythonDriver, type PythonNode } from "./python_peer.ts";

/** PIN of the components whose names have no domain. */
export const PIN = "11223344";

/** How components write. */
export const ENCODINGS = ["cbor", "json"] as const;
/** Kinds of key pairs. */
export const SCHEMES = ["rsa", "ecdsa"] as const;

/** A broker of ours with registered names, and components of rembus.python that have their keys in files. */
export interface KeysSetting extends AsyncDisposable {
  readonly ours: OurBroker;
  readonly theirs: PythonDriver;
  /** The registered names. */
  readonly keys: Keys;
  /** Where the broker keeps their keys. */
  readonly keysPath: string;
  /** `REMBUS_DIR` of Python. */
  readonly dir: string;
  /** Registers a name, and logs in with it. */
  login(name: string, options?: LoginOptions): Promise<PythonNode>;
}

/** How {@link KeysSetting.login} is done. */
export interface LoginOptions {
  /** @default {"ecdsa", which takes the least time} */
  readonly scheme?: KeyScheme;
  /** @default {"cbor"} */
  readonly encoding?: "cbor" | "json";
}

/** How {@link startKeysSetting} is done. */
export interface KeysSettingOptions extends OurBrokerOptions {
  /** Whether the broker serves `wss`, by an authority that Python is told to trust. @default {false} */
  readonly secure?: boolean;
}

/** Starts a broker with the tenant `.` and keys in files, unless told otherwise, and a process of Python. */
export async function startKeysSetting(
  python: string,
  { secure = false, ...options }: KeysSettingOptions = {},
): Promise<KeysSetting> {
  await using stack = new AsyncDisposableStack();
  const root = await Deno.makeTempDir({ prefix: "rembus-python-keys-" });
  stack.defer(() => Deno.remove(root, { recursive: true }));
  const dir = `${root}/python`;
  await Deno.mkdir(dir);
  const keysPath = `${root}/broker/keys`;
  const keys = options.keys ?? await openKeyFiles(keysPath);
  const tenants = [{ tenant: ".", secret: PIN }];
  const site = secure ? stack.use(await startAuthority()) : null;
  const tls = await site?.keystore.open() ?? null;
  const ours = stack.use(await startOurBroker({ tenants, tls, ...options, keys }));
  const env = site === null ? {} : { HTTP_CA_BUNDLE: site.caPath };
  const theirs = stack.use(await PythonDriver.start({ python, dir, env }));
  const kept = stack.move();
  return {
    ours,
    theirs,
    keys,
    keysPath,
    dir,
    async login(name, { scheme = "ecdsa", encoding = "cbor" } = {}): Promise<PythonNode> {
      const url = `${ours.url}/${name}`;
      await theirs.register({ url, pin: PIN, scheme, encoding });
      return await theirs.connect({ url, encoding });
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** An authority that is known to nobody else, with a certificate for this machine. */
export interface Authority extends AsyncDisposable {
  /** Its certificate, in PEM. */
  readonly certificate: string;
  /** A file with its certificate. */
  readonly caPath: string;
  /** What a broker of this machine shows. */
  readonly keystore: TestKeystore;
}

/** Makes an {@link Authority}; its certificate may be for other names than those of this machine. */
export async function startAuthority(names?: readonly string[]): Promise<Authority> {
  const authority = await testAuthority();
  const keystore = await testKeystore(await testLeaf(authority, names));
  const caPath = `${keystore.directory}/ca.crt`;
  await Deno.writeTextFile(caPath, authority.certificate);
  return {
    certificate: authority.certificate,
    caPath,
    keystore,
    [Symbol.asyncDispose]: () => keystore[Symbol.asyncDispose](),
  };
}

/** A text in PEM that is the private key of somebody else. */
export async function strangersKey(scheme: KeyScheme): Promise<string> {
  return (await generateKeys(scheme)).privatePem;
}
