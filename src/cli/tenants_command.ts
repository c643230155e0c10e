import { checkTenant } from "../protocol/name.ts";
import { adminCommand, printNames, tellDone } from "./actions.ts";
import { namesFrom } from "./admin_answers.ts";
import type { CommandContext } from "./command.ts";
import { UsageError } from "./exit.ts";
import { PIN, PIN_OPTION, secretFrom } from "./secret.ts";

/** 80 bits: 16 characters of an alphabet in which none looks like another. */
const PIN_CHARACTERS = 16;
const ALPHABET = "23456789abcdefghijkmnpqrstuvwxyz";

/** `rembus tenants` */
export const tenantsCommand = adminCommand({
  name: "tenants",
  summary: "list, add and remove tenants, whose components may register with a PIN",
  options: [
    PIN_OPTION,
    { name: "generate", doc: "add: make a PIN and print it; it is not shown again" },
  ],
  actions: [
    {
      word: "list",
      operands: "",
      count: [0, 0],
      async run(door, { context }): Promise<void> {
        const names = namesFrom(await door.run({ cmd: "list_tenants" }), "tenants");
        await printNames(context, { names, nothing: "no tenants: nobody can register" });
      },
    },
    {
      word: "add",
      operands: "<tenant>",
      count: [1, 1],
      options: ["pin-file", "generate"],
      check: tenantOperand,
      prepare: async (context) => ({ pin: await pinFor(context) }),
      async run(door, { operands, context, prepared }): Promise<void> {
        const tenant = tenantOperand(operands);
        const { pin } = prepared;
        await door.run({ cmd: "put_tenant", args: { tenant, pin } });
        const isNew = context.options.flag("generate") === true;
        await tellDone(context, {
          text: isNew ? `tenant ${tenant} has PIN ${pin}` : `tenant ${tenant} has its PIN`,
          fields: { cmd: "put_tenant", tenant, ...(isNew ? { pin } : {}) },
        });
      },
    },
    {
      word: "remove",
      operands: "<tenant>",
      count: [1, 1],
      check: tenantOperand,
      async run(door, { operands, context }): Promise<void> {
        const tenant = tenantOperand(operands);
        await door.run({ cmd: "remove_tenant", args: { tenant } });
        await tellDone(context, {
          text: `tenant ${tenant} is removed: names of its components stay registered`,
          fields: { cmd: "remove_tenant", tenant },
        });
      },
    },
  ],
  details: [
    'A tenant is the text behind the first dot of a name, and "." for names without one: that of\n' +
    "meter.acme.org is acme.org. Its components register with its PIN, and are apart from those of\n" +
    "other tenants. add also replaces the PIN of a tenant that is there.",
    "The PIN comes from a file, standard input, REMBUS_PIN or the terminal, never from the command\n" +
    "line, which others can see.",
  ],
  examples: [
    "rembus tenants add . --generate --local",
    "rembus tenants add acme.org --pin-file pin.txt --url wss://plant.example/admin",
    "rembus tenants list --url wss://plant.example/admin",
  ],
});

function tenantOperand([tenant = ""]: readonly string[]): string {
  const problem = checkTenant(tenant);
  if (problem !== null) throw new UsageError(`Cannot use tenant "${tenant}": ${problem}`);
  return tenant;
}

async function pinFor(context: CommandContext): Promise<string> {
  const { options } = context;
  if (options.flag("generate") !== true) return await secretFrom(context, PIN);
  if (options.text("pin-file") !== undefined) {
    throw new UsageError(
      'Cannot use option "--generate" with "--pin-file": expected only one of them',
    );
  }
  const bytes = crypto.getRandomValues(new Uint8Array(PIN_CHARACTERS));
  return Array.from(bytes, (byte) => ALPHABET[byte % ALPHABET.length]).join("");
}
