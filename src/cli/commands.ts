import { aclCommand } from "./acl_command.ts";
import { adminsCommand } from "./admins_command.ts";
import { benchCommand } from "./bench_command.ts";
import { brokerCommand } from "./broker_command.ts";
import type { Command } from "./command.ts";
import { configCommand } from "./config_command.ts";
import { doctorCommand } from "./doctor_command.ts";
import { exposeCommand } from "./expose_command.ts";
import { importCommand } from "./import_command.ts";
import { keystoreCommand } from "./keystore_command.ts";
import { logCommand } from "./log_command.ts";
import { pubCommand } from "./pub_command.ts";
import { queryCommand } from "./query_command.ts";
import { registerCommand, unregisterCommand } from "./register_command.ts";
import { rpcCommand } from "./rpc_command.ts";
import { subCommand } from "./sub_command.ts";
import { tablesCommand } from "./tables_command.ts";
import { tenantsCommand } from "./tenants_command.ts";
import { usersCommand } from "./users_command.ts";
import { versionCommand } from "./version_command.ts";
import { whyCommand } from "./why_command.ts";

/** Every command, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  brokerCommand,
  pubCommand,
  subCommand,
  rpcCommand,
  exposeCommand,
  queryCommand,
  tablesCommand,
  logCommand,
  importCommand,
  registerCommand,
  unregisterCommand,
  usersCommand,
  tenantsCommand,
  adminsCommand,
  aclCommand,
  whyCommand,
  keystoreCommand,
  benchCommand,
  doctorCommand,
  configCommand,
  versionCommand,
];
