import { startBroker } from "../node/broker.ts";
import type { Command } from "./command.ts";
import { JSON_OPTION } from "./command.ts";
import { CommandError, EXIT } from "./exit.ts";
import { parseBoolean } from "../host/boolean.ts";
import type { CliIo } from "./io.ts";
import type { Logger } from "../util/log.ts";
import { jsonLine } from "./values.ts";

/** Variables of the reference's daemon that this version cannot honour. */
const VARIABLES_UNSUPPORTED = ["REMBUS_MQTT_URL"] as const;

/** `rembus broker` */
export const brokerCommand: Command = {
  name: "broker",
  summary: "run a broker until Ctrl-C",
  operands: "",
  operandCount: [0, 0],
  options: [JSON_OPTION],
  settings: [
    "name",
    "port",
    "host",
    "policy",
    "spaces",
    "admins",
    "memoryLimit",
    "encoding",
    "requestTimeout",
    "pingInterval",
    "dir",
    "memory",
    "schema",
    "logRetention",
    "offlineMax",
    "logRetentionBytes",
    "storage",
    "ducklakeUrl",
    "dataPath",
    "ignoreDataPath",
    "extensionDir",
    "downloadExtensions",
    "archiverInterval",
    "snapshotKeep",
    "log",
  ],
  details: [
    "Prints one line with its URL once components can connect. Ctrl-C lets it drain: it accepts\n" +
    "nobody else, waits for what is under way, and says goodbye. A second Ctrl-C ends it at once.",
    "Keeps messages, and who subscribed what, in <dir>/<name>; --memory keeps nothing. With --schema\n" +
    "it also fills tables, which are asked with query_<table> (see rembus help query).",
    "Needs --allow-net and --allow-env; --allow-read and --allow-write for its directory;\n" +
    "--allow-run for the process of the tables. With --memory, --allow-net is enough.",
  ],
  examples: [
    "rembus broker",
    "rembus broker --schema schema.json",
    "rembus broker --memory --name plant --ws 9000 --host 0.0.0.0 --info",
  ],
  untilInterrupted: true,
  async run({ io, json, settings, logger, signal }) {
    const { values } = await settings({ daemon: true });
    refuseUnsupported(io, logger);
    await using node = await startBroker(values, { logger });
    await io.line(
      json
        ? jsonLine({ name: node.rid, url: node.url, port: node.port })
        : `${node.rid} listens on ${node.url}`,
    );
    await node.wait({ signal });
    logger.info("broker closing", { name: node.rid });
    return EXIT.OK;
  },
};

/** A broker that was told to use TLS must not serve in the clear. */
function refuseUnsupported(io: CliIo, logger: Logger): void {
  const secure = io.host.env("REMBUS_SECURE");
  if (secure !== undefined && parseBoolean(secure) !== false) {
    throw new CommandError(
      `Cannot start with REMBUS_SECURE=${secure}: expected it unset, as this version has no TLS`,
    );
  }
  for (const variable of VARIABLES_UNSUPPORTED) {
    if (io.host.env(variable) !== undefined) {
      logger.warn("environment variable not supported by this version", { variable });
    }
  }
}
