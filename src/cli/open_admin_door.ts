import type { AdminDoor } from "./admin_door.ts";
import type { CommandContext } from "./command.ts";
import {
  brokerAddress,
  CONNECTION_OPTIONS,
  CONNECTION_SETTINGS,
  givenUrl,
  nameIn,
} from "./connection.ts";
import { UsageError } from "./exit.ts";
import { openLocalDoor } from "./local_door.ts";
import type { OptionSpec } from "./options.ts";
import type { SettingName } from "../node/settings.ts";

/** Topic of commands that are not about a topic. */
export const CONFIG_TOPIC = "__config__";

/** Options of every command for admins. */
export const ADMIN_OPTIONS: readonly OptionSpec[] = [
  ...CONNECTION_OPTIONS,
  { name: "local", doc: "change the files of a broker that is not running, in <dir>/<broker>" },
  { name: "broker", value: "NAME", doc: "with --local, name of that broker [broker]" },
];

/** Settings of every command for admins. */
export const ADMIN_SETTINGS: readonly SettingName[] = CONNECTION_SETTINGS;

/** What all of them say about who may run them. */
export const ADMIN_DETAILS: string =
  "Asks a broker that runs, as an admin that proves its name with its key (--url ws://host/name),\n" +
  "or changes the files of one that does not run (--local), as its owner: that is how the first\n" +
  "admin and tenant come to be. What is done is durable before it is answered. Needs --allow-net\n" +
  "and --allow-read for the key; --allow-read and --allow-write with --local.";

/** Opens the door that a command line means. */
export async function openAdminDoor(context: CommandContext): Promise<AdminDoor> {
  const { options } = context;
  if (options.flag("local") === true) {
    for (const name of ["url", "name"]) {
      if (options.text(name) === undefined) continue;
      throw new UsageError(
        `Cannot use option "--${name}" with "--local": expected only one of them`,
      );
    }
    const broker = options.text("broker");
    const { values } = await context.settings({
      daemon: true,
      ...(broker === undefined ? {} : { name: broker }),
    });
    return await openLocalDoor(values, context.logger);
  }
  if (options.text("broker") !== undefined) {
    throw new UsageError('Cannot use option "--broker": expected "--local" with it, got none');
  }
  return await remoteDoor(context);
}

/** The door of a broker that runs. */
export async function remoteDoor(context: CommandContext): Promise<AdminDoor> {
  const { options, signal } = context;
  const url = givenUrl(options);
  if (url === null || nameIn(url) === null) {
    throw new UsageError(
      "Cannot ask as nobody: expected an admin that proves its name with its key " +
        "(--url ws://host/name or --name), got no name",
    );
  }
  const broker = await brokerAddress(context);
  const node = await broker.connect();
  return {
    run: ({ cmd, topic = CONFIG_TOPIC, args = {} }) =>
      node.with({ signal }).admin(cmd, topic, args),
    [Symbol.asyncDispose]: () => node.close(),
  };
}
