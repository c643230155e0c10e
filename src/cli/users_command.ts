import { usersFrom } from "./admin_answers.ts";
import { adminCommand, nameAction, tellDone } from "./actions.ts";
import type { CommandContext } from "./command.ts";
import { UsageError } from "./exit.ts";
import { nameOperand } from "./options.ts";
import { secretFrom, secretOption } from "./secret.ts";
import { tableText } from "./table_text.ts";
import { jsonLine } from "./values.ts";

const COLUMNS = ["name", "key", "admin", "connected"] as const;
const SECRET = { what: "shared secret", option: "secret-file", env: null } as const;

/** `rembus users` */
export const usersCommand = adminCommand({
  name: "users",
  summary: "list, add and remove registered names",
  options: [
    {
      name: "key",
      value: "FILE",
      doc: "add: file with the public key, RSA or ECDSA P-256, PEM or DER",
    },
    secretOption("secret-file", "secret that the component has too"),
  ],
  actions: [
    {
      word: "list",
      operands: "",
      count: [0, 0],
      async run(door, { context }): Promise<void> {
        const users = usersFrom(await door.run({ cmd: "list_users" }));
        const { io, json, style } = context;
        if (json) {
          for (const user of users) await io.line(jsonLine(user));
          return;
        }
        if (users.length === 0) return await io.line("no names are registered");
        const rows = users.map(({ name, kind, admin, connected }) => [
          name,
          kind ?? "none",
          admin ? "yes" : "no",
          connected ? "yes" : "no",
        ]);
        const table = { columns: COLUMNS, rows, width: io.width, head: style.bold };
        for (const piece of tableText(table)) await io.line(piece);
      },
    },
    {
      word: "add",
      operands: "<name>",
      count: [1, 1],
      options: ["key", "secret-file"],
      check: nameOperand,
      prepare: proofFrom,
      async run(door, { operands, context, prepared }): Promise<void> {
        const name = nameOperand(operands);
        await door.run({ cmd: "add_user", args: { cid: name, ...prepared } });
        await tellDone(context, {
          text: `${name} is registered`,
          fields: { cmd: "add_user", name },
        });
      },
    },
    nameAction({
      word: "remove",
      cmd: "remove_user",
      told: (name) => `${name} is not registered any more, and its connection is closed`,
    }),
  ],
  details: [
    "A registered name is only for who has its key. A component that has the PIN of its tenant\n" +
    "registers itself (see rembus help register); add does it for one whose public key is at hand,\n" +
    "or that shares a secret with the broker.",
  ],
  examples: [
    "rembus users list --url wss://plant.example/admin",
    "rembus users add meter --key meter.pem --url ws://127.0.0.1:8338/admin",
    "rembus users add admin --key admin.pem --local",
    "rembus users remove meter --url ws://127.0.0.1:8338/admin --json",
  ],
});

/** What proves the name, as the command has it. */
async function proofFrom(context: CommandContext): Promise<Readonly<Record<string, unknown>>> {
  const { io, options } = context;
  const path = options.text("key");
  if (path !== undefined && options.text("secret-file") !== undefined) {
    throw new UsageError(
      'Cannot use option "--key" with "--secret-file": expected only one of them',
    );
  }
  return path === undefined
    ? { secret: await secretFrom(context, SECRET) }
    : { key: await io.load(path) };
}
