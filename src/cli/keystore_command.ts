import { checkHost, ipBytes } from "../host/host_names.ts";
import {
  initKeystore,
  KEYSTORE_FILES,
  type KeystoreFacts,
  readKeystore,
  renewKeystore,
  trustAuthority,
} from "../host/keystore.ts";
import { isGranted } from "../host/permissions.ts";
import { keystoreDirectory } from "../node/keystore_directory.ts";
import type { Settings } from "../node/settings.ts";
import { actionOperands, chosenAction } from "./actions.ts";
import { type Command, type CommandContext, JSON_OPTION } from "./command.ts";
import { CommandError, EXIT, type ExitCode, UsageError } from "./exit.ts";
import { numberOption, type ParsedOptions } from "./options.ts";
import { certificateState, daysLeft, keystoreProblems } from "./keystore_state.ts";
import { jsonLine } from "./values.ts";

/** As long as browsers and Apple's systems take certificates at most. */
const LEAF_DAYS = 825;
const DAYS_MAX = 3_650;
const LOOPBACK_NAMES = ["127.0.0.1", "::1"] as const;
/** File name of the authority where clients look for it. */
const CLIENT_FILE = "rembus-ca.crt";

const ACTIONS = [
  {
    word: "init",
    operands: "",
    count: [0, 0],
    options: ["host", "ip", "days", "force"],
    run: init,
  },
  { word: "show", operands: "", count: [0, 0], run: show },
  { word: "renew", operands: "", count: [0, 0], options: ["host", "ip", "days"], run: renew },
] as const;

/** `rembus keystore` */
export const keystoreCommand: Command = {
  name: "keystore",
  summary: "make, show and renew the certificate of a broker that serves wss",
  operands: actionOperands(ACTIONS),
  operandCount: [1, Infinity],
  options: [
    { name: "host", value: "NAME", many: true, doc: "host name that clients connect to" },
    { name: "ip", value: "ADDRESS", many: true, doc: "address that clients connect to" },
    { name: "days", value: "N", doc: `how long the certificate is good [${LEAF_DAYS}]` },
    { name: "force", doc: "init: replace what is there, the authority included" },
    JSON_OPTION,
  ],
  settings: ["keystore", "dir", "log"],
  details: [
    "init makes a certificate authority and a certificate that it signed, for the hosts and addresses\n" +
    "that are said, else for localhost, this host, 127.0.0.1 and ::1. Clients need the certificate\n" +
    "of the authority (ca.crt) in <dir>/ca, alone there, or in HTTP_CA_BUNDLE. Whoever has ca.key can\n" +
    "make certificates that they trust: keep it secret, best elsewhere.",
    "renew makes a new certificate with the same authority; a broker that runs shows it at the next\n" +
    "connection, and clients need nothing new. Certificates of others go into the keystore as\n" +
    "rembus.crt, with their chain, and rembus.key.",
    "Needs --allow-read and --allow-write for the keystore; --allow-sys=hostname for the name of this\n" +
    "host. show ends with exit code 1 when the certificate cannot be used.",
  ],
  examples: [
    "rembus keystore init --host plant.example --ip 192.0.2.7",
    "rembus keystore show --json",
    "rembus keystore renew --keystore /etc/rembus/keystore",
  ],
  untilInterrupted: false,
  async run(context): Promise<ExitCode> {
    const { action } = chosenAction("keystore", ACTIONS, context);
    const names = namesFrom(context.options);
    const days = daysFrom(context.options);
    const { values: settings } = await context.settings({ daemon: false });
    const directory = keystoreDirectory(settings);
    return await action.run(context, { directory, settings, names, days });
  },
};

interface Request {
  readonly directory: string;
  readonly settings: Settings;
  /** Those that the command line says. */
  readonly names: readonly string[];
  readonly days: number;
}

async function init(
  { io, json, options }: CommandContext,
  { directory, settings: { dir }, names: given, days }: Request,
): Promise<ExitCode> {
  const host = hostName();
  const names = given.length > 0 ? given : defaultNames(host);
  const subject = `Rembus authority of ${given[0] ?? host ?? "localhost"}`;
  const { notAfter } = await initKeystore(
    { directory, names, days, now: new Date() },
    { force: options.flag("force") ?? false, subject },
  );
  const authority = `${directory}/${KEYSTORE_FILES.authority}`;
  const trusted = dir === null
    ? null
    : await trustAuthority({ directory, clients: `${dir}/ca`, name: CLIENT_FILE });
  if (json) {
    await io.line(
      jsonLine({ directory, names, expires: notAfter.toISOString(), authority, trusted }),
    );
    return EXIT.OK;
  }
  await io.line([
    `keystore ${directory} is ready: good for ${names.join(", ")} until ${dayOf(notAfter)}`,
    ...(trusted === null ? [] : [`components that use ${dir} trust it: ${trusted}`]),
    `copy to other clients: ${authority}`,
    "  as the only file in their <dir>/ca, or set HTTP_CA_BUNDLE to it",
    `keep secret: ${directory}/${KEYSTORE_FILES.authorityKey}`,
  ].join("\n"));
  return EXIT.OK;
}

async function renew(
  { io, json }: CommandContext,
  { directory, names: given, days }: Request,
): Promise<ExitCode> {
  const { names, notAfter } = await renewKeystore({
    directory,
    names: given,
    days,
    now: new Date(),
  });
  await io.line(
    json
      ? jsonLine({ directory, names, expires: notAfter.toISOString() })
      : `certificate is renewed: good for ${names.join(", ")} until ${dayOf(notAfter)}`,
  );
  return EXIT.OK;
}

async function show(
  { io, json, style }: CommandContext,
  { directory }: Request,
): Promise<ExitCode> {
  const facts = await readKeystore(directory);
  if (facts === null) {
    throw new CommandError(
      `Cannot show the keystore "${directory}": expected ${KEYSTORE_FILES.certificate}, got none; ` +
        "rembus keystore init makes one",
    );
  }
  const now = new Date();
  const problems = keystoreProblems(facts, now);
  if (json) {
    await io.line(jsonLine({ directory, ...shownFields(facts, now), problems }));
  } else {
    const { certificate, authority } = facts;
    await io.line([
      style.bold(directory),
      `  names    ${certificate.names.join(", ") || "none"}`,
      `  expires  ${dayOf(certificate.notAfter)}, ${certificateState(certificate, now)}`,
      `  issuer   ${certificate.issuer}`,
      ...(authority === null ? [] : [
        `  ca.crt   ${authority.subject}, until ${dayOf(authority.notAfter)}`,
      ]),
      ...problems.map((problem) => style.bad(`  ${problem}`)),
    ].join("\n"));
  }
  return problems.length === 0 ? EXIT.OK : EXIT.FAILED;
}

function shownFields({ certificate, authority, isPair }: KeystoreFacts, now: Date): object {
  return {
    subject: certificate.subject,
    issuer: certificate.issuer,
    names: certificate.names,
    expires: certificate.notAfter.toISOString(),
    days_left: daysLeft(certificate, now),
    key_fits: isPair,
    authority: authority?.subject ?? null,
    authority_expires: authority?.notAfter.toISOString() ?? null,
  };
}

function namesFrom(options: ParsedOptions): string[] {
  const hosts = options.texts("host");
  const addresses = options.texts("ip");
  for (const host of hosts) {
    const problem = checkHost(host);
    if (problem !== null) throw new UsageError(`Cannot use option "--host": ${problem}`);
  }
  for (const address of addresses) {
    if (ipBytes(address) !== null) continue;
    throw new UsageError(`Cannot use option "--ip": expected an IP address, got "${address}"`);
  }
  return [...new Set([...hosts, ...addresses])];
}

function defaultNames(host: string | null): string[] {
  const isUsable = host !== null && checkHost(host) === null;
  return [...new Set(["localhost", ...(isUsable ? [host] : []), ...LOOPBACK_NAMES])];
}

/** `null` when it may not be asked. */
function hostName(): string | null {
  return isGranted({ name: "sys", kind: "hostname" }) ? Deno.hostname() : null;
}

function daysFrom(options: ParsedOptions): number {
  return numberOption(options, "days", { least: 1, most: DAYS_MAX, whole: true }) ?? LEAF_DAYS;
}

function dayOf(date: Date): string {
  return date.toISOString().slice(0, "2026-01-31".length);
}
