import type { Need } from "./needs.ts";

/**
 * Directory with the programs of PostgreSQL's server, such as `initdb`: `REMBUS_TEST_POSTGRES`, as
 * `tools/setup_storage.sh` prints it.
 */
export const POSTGRES: Need<string> = {
  found: Deno.env.get("REMBUS_TEST_POSTGRES") ?? null,
  missing: "no PostgreSQL: see tools/setup_storage.sh, and set REMBUS_TEST_POSTGRES",
};

/** Name and password of the one user. Both must be escaped in a URL, as those of operators may have to. */
const USER = "rem:bus";
const PASSWORD = "p@ss/word?";
const START_MS = 30_000;
/** Stops the server when stdin ends, as it does when the tests are killed: nothing is left running. */
const KEEPER = '"$0" "$@" </dev/null & server=$!; cat >/dev/null; kill -INT $server; wait $server';

/** A server of its own, on a socket in its directory: it needs no port, and nobody else reaches it. */
export interface PostgresServer extends AsyncDisposable {
  /** Makes a database; its `DUCKLAKE_URL`. */
  createDatabase(name: string): Promise<string>;
}

/** Makes a cluster and starts its server, which refuses to run as root: then as another user. */
export async function startPostgres(bin: string): Promise<PostgresServer> {
  const directory = await Deno.makeTempDir({ prefix: "rembus-pg-" });
  const owner = await unprivileged();
  const data = `${directory}/data`;
  const passwordFile = `${directory}/password`;
  await Deno.writeTextFile(passwordFile, `${PASSWORD}\n`);
  if (owner !== null) {
    for (const path of [directory, passwordFile]) await Deno.chown(path, owner.uid, owner.gid);
  }
  const as = { ...owner, cwd: directory };
  const initial = ["--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync"];
  await run(`${bin}/initdb`, {
    ...as,
    args: ["-D", data, "-U", USER, `--pwfile=${passwordFile}`, ...initial],
  });
  const settings = ["listen_addresses=", `unix_socket_directories=${directory}`, "fsync=off"];
  const server = new Deno.Command("/bin/sh", {
    ...as,
    args: [
      ...["-c", KEEPER, `${bin}/postgres`, "-D", data],
      ...settings.flatMap((setting) => ["-c", setting]),
    ],
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const env = { PGPASSWORD: PASSWORD };
  const login = ["-h", directory, "-U", USER];
  try {
    await waitUntilReady(() => run(`${bin}/pg_isready`, { ...as, args: login }));
  } catch (error) {
    await stop(server, directory);
    throw error;
  }
  return {
    async createDatabase(name: string): Promise<string> {
      await run(`${bin}/createdb`, { ...as, env, args: [...login, name] });
      const user = `${encodeURIComponent(USER)}:${encodeURIComponent(PASSWORD)}`;
      return `ducklake:postgres:postgresql://${user}@${encodeURIComponent(directory)}/${name}`;
    },
    [Symbol.asyncDispose]: () => stop(server, directory),
  };
}

async function stop(server: Deno.ChildProcess, directory: string): Promise<void> {
  await server.stdin.close();
  await server.status;
  await Deno.remove(directory, { recursive: true });
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Somebody who is not root, when we are. */
async function unprivileged(): Promise<Owner | null> {
  if (Deno.uid() !== 0) return null;
  const users = (await Deno.readTextFile("/etc/passwd")).split("\n").map((line) => line.split(":"));
  const user = users.find(([name]) => name === "postgres") ??
    users.find(([name]) => name === "nobody");
  if (user === undefined) throw new Error("Cannot start PostgreSQL: expected a user beside root");
  return { uid: Number(user[2]), gid: Number(user[3]) };
}

async function run(program: string, options: Deno.CommandOptions): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, options).output();
  if (success) return;
  throw new Error(`Cannot run "${program}": ${new TextDecoder().decode(stderr)}`);
}

async function waitUntilReady(ask: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + START_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
