import { adminCommand, nameAction, printNames } from "./actions.ts";
import { namesFrom } from "./admin_answers.ts";

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
    nameAction({
      word: "add",
      cmd: "add_admin",
      told: (name) => `${name} is an admin, whenever it proved its name with its key`,
    }),
    nameAction({
      word: "remove",
      cmd: "remove_admin",
      told: (name) => `${name} is no admin any more`,
    }),
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
