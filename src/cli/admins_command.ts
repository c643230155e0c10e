import { adminCommand, printNames, tellDone } from "./actions.ts";
import { namesFrom } from "./admin_answers.ts";
import { nameOperand } from "./options.ts";

/** `rembus admins` */
export const adminsCommand = adminCommand({
  name: "admins",
  summary: "list, add and remove admins",
  actions: [
    {
      word: "list",
      operands: "",
      count: [0, 0],
      async run(door, { context }): Promise<void> {
        const names = namesFrom(await door.run({ cmd: "list_admins" }), "admins");
        await printNames(context, { names, nothing: "no admins" });
      },
    },
    {
      word: "add",
      operands: "<name>",
      count: [1, 1],
      check: nameOperand,
      async run(door, { operands, context }): Promise<void> {
        const name = nameOperand(operands);
        await door.run({ cmd: "add_admin", args: { cid: name } });
        await tellDone(context, {
          text: `${name} is an admin, whenever it proved its name with its key`,
          fields: { cmd: "add_admin", name },
        });
      },
    },
    {
      word: "remove",
      operands: "<name>",
      count: [1, 1],
      check: nameOperand,
      async run(door, { operands, context }): Promise<void> {
        const name = nameOperand(operands);
        await door.run({ cmd: "remove_admin", args: { cid: name } });
        await tellDone(context, {
          text: `${name} is no admin any more`,
          fields: { cmd: "remove_admin", name },
        });
      },
    },
  ],
  details: [
    "An admin changes who may do what while the broker runs. The name alone is not enough: it must\n" +
    "be registered, and proved with its key at each connection.",
    "To begin with: rembus users add admin --key admin.pem --local, or rembus register; then\n" +
    "rembus admins add admin --local. Admins of settings.json and --admin are admins as well.",
  ],
  examples: [
    "rembus admins add admin --local",
    "rembus admins list --url wss://plant.example/admin --json",
  ],
});
