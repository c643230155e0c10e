import { createAuthority, createLeaf, type KeyedCertificate } from "../../src/host/certificates.ts";
import { openTlsFiles, type TlsFiles, type TlsPaths } from "../../src/host/tls_files.ts";

const DAY_MS = 24 * 60 * 60 * 1_000;

/** What listeners of tests are known by. */
export const LOCAL_NAMES: readonly string[] = ["localhost", "127.0.0.1", "::1"];

/** An authority for one test. */
export function testAuthority(subject = "Test CA"): Promise<KeyedCertificate> {
  return createAuthority({ subject, days: 2, now: new Date() });
}

/** A certificate for a listener of this machine, or for other names. */
export function testLeaf(
  authority: KeyedCertificate,
  names: readonly string[] = LOCAL_NAMES,
): Promise<KeyedCertificate> {
  return createLeaf({ authority, names, days: 1, now: new Date() });
}

/** A certificate that expired long ago. */
export async function expiredLeaf(): Promise<
  { readonly authority: KeyedCertificate; readonly leaf: KeyedCertificate }
> {
  const now = new Date(Date.now() - 100 * DAY_MS);
  const authority = await createAuthority({ subject: "Old CA", days: 365, now });
  return { authority, leaf: await createLeaf({ authority, names: LOCAL_NAMES, days: 1, now }) };
}

/** A keystore in a directory of its own, which is removed when it is disposed of. */
export interface TestKeystore extends AsyncDisposable {
  readonly directory: string;
  readonly paths: TlsPaths;
  /** Writes a pair as a renewal does. */
  write(pair: KeyedCertificate): Promise<void>;
  /** The files as a listener takes them. */
  open(): Promise<TlsFiles>;
}

/** Makes a {@link TestKeystore} with this pair in it. */
export async function testKeystore(pair: KeyedCertificate): Promise<TestKeystore> {
  const directory = await Deno.makeTempDir({ prefix: "rembus-keystore-" });
  const paths = { certificate: `${directory}/rembus.crt`, key: `${directory}/rembus.key` };
  const write = async ({ certificate, key }: KeyedCertificate): Promise<void> => {
    await Deno.writeTextFile(paths.certificate, certificate);
    await Deno.writeTextFile(paths.key, key);
  };
  await write(pair);
  return {
    directory,
    paths,
    write,
    open: () => openTlsFiles(paths),
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}
