import { fileUrl } from "../host/file_url.ts";
import type { Handler } from "../peer/api.ts";
import { type Command, JSON_OPTION } from "./command.ts";
import { brokerAddress, CONNECTION_OPTIONS, CONNECTION_SETTINGS } from "./connection.ts";
import { CommandError, EXIT } from "./exit.ts";
import { jsonLine } from "./values.ts";
import { errorText } from "../util/error_text.ts";

/** `rembus expose` */
export const exposeCommand: Command = {
  name: "expose",
  summary: "offer the functions of a module as services until Ctrl-C",
  operands: "<module file>",
  operandCount: [1, 1],
  options: [...CONNECTION_OPTIONS, JSON_OPTION],
  settings: [...CONNECTION_SETTINGS, "startAnyway"],
  details: [
    "Every exported function becomes a service of its name, and so does every function of an object\n" +
    "that is the default export. The module runs with the permissions of this process. Prints one\n" +
    "line per service. Needs --allow-net and --allow-read.",
  ],
  examples: ["rembus expose ./services.ts --name calculator"],
  untilInterrupted: true,
  async run(context) {
    const { io, json, options, signal } = context;
    const [path = ""] = options.operands;
    const services = await loadServices(path);
    const broker = await brokerAddress(context);
    await using node = await broker.stay();
    for (const [name, handler] of services) {
      await node.expose(name, handler);
      await io.line(json ? jsonLine({ service: name, node: node.uid }) : `${name} is exposed`);
    }
    await node.wait({ signal });
    return EXIT.OK;
  },
};

/** Service -> function, of a module in a local file. */
async function loadServices(path: string): Promise<ReadonlyMap<string, Handler>> {
  const module = await importFile(path);
  const { default: main, ...exports } = module;
  const services = new Map([
    ...functionsOf(exports),
    ...(typeof main === "function" && main.name !== "" && main.name !== "default"
      ? [[main.name, main as Handler] as const]
      : functionsOf(main)),
  ]);
  if (services.size === 0) {
    throw new CommandError(`Cannot expose "${path}": expected exported functions, got none`);
  }
  return services;
}

async function importFile(path: string): Promise<Record<string, unknown>> {
  try {
    return await import(fileUrl(path).href);
  } catch (error) {
    const reason = errorText(error);
    throw new CommandError(`Cannot load module "${path}": ${reason}`, { cause: error });
  }
}

function functionsOf(value: unknown): (readonly [string, Handler])[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).filter(
    (entry): entry is [string, Handler] => typeof entry[1] === "function",
  );
}
