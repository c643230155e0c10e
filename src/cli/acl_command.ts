import type { AdminDoor } from "./admin_door.ts";
import { type ActionRequest, adminCommand, tellDone } from "./actions.ts";
import { privateTopicsFrom } from "./admin_answers.ts";
import { checkedTopic, nameOperand } from "./options.ts";
import { jsonLine } from "./values.ts";

/** `rembus acl` */
export const aclCommand = adminCommand({
  name: "acl",
  summary: "show and change which topics are private, and who may use them",
  actions: [
    { word: "list", operands: "", count: [0, 0], run: list },
    {
      word: "private",
      operands: "<topic>",
      count: [1, 1],
      check: grantOperands,
      run: (door, request) => setPrivacy(door, request, "private"),
    },
    {
      word: "public",
      operands: "<topic>",
      count: [1, 1],
      check: grantOperands,
      run: (door, request) => setPrivacy(door, request, "public"),
    },
    {
      word: "add",
      operands: "<topic> <name>...",
      count: [2, Infinity],
      check: grantOperands,
      run: (door, request) => grant(door, request, "authorize"),
    },
    {
      word: "remove",
      operands: "<topic> <name>...",
      count: [2, Infinity],
      check: grantOperands,
      run: (door, request) => grant(door, request, "unauthorize"),
    },
  ],
  details: [
    "A private topic, or every topic that a private pattern matches, is only for those who are named:\n" +
    "to publish, subscribe, call, expose, and to ask for its history and its table. Names of all\n" +
    "rules that cover a topic add up. public forgets the names.",
  ],
  examples: [
    "rembus acl private 'plant/**' --url wss://plant.example/admin",
    "rembus acl add 'plant/**' meter pump --url wss://plant.example/admin",
    "rembus acl list --local --json",
  ],
});

/** The topic and the names. Throws `UsageError` for what cannot be one. */
function grantOperands(
  [topic = "", ...names]: readonly string[],
): { readonly topic: string; readonly names: readonly string[] } {
  return { topic: checkedTopic(topic), names: names.map((name) => nameOperand([name])) };
}

async function list(door: AdminDoor, { context: { io, json } }: ActionRequest): Promise<void> {
  const topics = privateTopicsFrom(await door.run({ cmd: "private_topics_config" }));
  if (topics.length === 0 && !json) await io.line("no private topics");
  for (const { topic, names } of topics) {
    await io.line(json ? jsonLine({ topic, names }) : `${topic}: ${names.join(", ") || "nobody"}`);
  }
}

async function setPrivacy(
  door: AdminDoor,
  { operands, context }: ActionRequest,
  word: "private" | "public",
): Promise<void> {
  const { topic } = grantOperands(operands);
  const cmd = `${word}_topic`;
  await door.run({ cmd, topic });
  await tellDone(context, { text: `${topic} is ${word}`, fields: { cmd, topic } });
}

async function grant(
  door: AdminDoor,
  { operands, context }: ActionRequest,
  cmd: "authorize" | "unauthorize",
): Promise<void> {
  const { topic, names } = grantOperands(operands);
  for (const name of names) {
    await door.run({ cmd, topic, args: { cid: name } });
    const may = cmd === "authorize" ? "may" : "may not";
    await tellDone(context, {
      text: `${name} ${may} use ${topic}`,
      fields: { cmd, topic, name },
    });
  }
}
