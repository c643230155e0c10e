import { startBroker } from "../node/broker.ts";
import type { Command } from "./command.ts";
import { JSON_OPTION } from "./command.ts";
import { EXIT } from "./exit.ts";
import type { CliIo } from "./io.ts";
import { startLogging } from "./logging.ts";
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
    "authenticated",
    "overwriteConnection",
    "secure",
    "keystore",
    "origins",
    "sharedServices",
    "rateMessages",
    "rateBytes",
    "code",
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
    "Listens on this machine only, unless --host says otherwise. Then use --secure, which serves wss\n" +
    "with the certificate of the keystore (rembus help keystore), and --authenticated, which lets\n" +
    "nobody do anything before it proved its name with its key (rembus help register, users).",
    "Needs --allow-net and --allow-env; --allow-read and --allow-write for its directory;\n" +
    "--allow-run for the process of the tables. With --memory, --allow-net is enough.",
  ],
  examples: [
    "rembus broker",
    "rembus broker --schema schema.json",
    "rembus broker --secure --authenticated --host 0.0.0.0",
    "rembus broker --memory --name plant --ws 9000 --host 0.0.0.0 --info",
  ],
  untilInterrupted: true,
  async run({ io, json, settings, logger, signal }) {
    const { values } = await settings({ daemon: true });
    warnOfUnsupported(io, logger);
    const setDebug = (isOn: boolean): void => {
      startLogging(io, isOn ? "debug" : values.log)
        .catch((error) => logger.error("log level not changed", { error }));
    };
    await using node = await startBroker(values, { logger, control: { setDebug } });
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

function warnOfUnsupported(io: CliIo, logger: Logger): void {
  for (const variable of VARIABLES_UNSUPPORTED) {
    if (io.host.env(variable) !== undefined) {
      logger.warn("environment variable not supported by this version", { variable });
    }
  }
}
