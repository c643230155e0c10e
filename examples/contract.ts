/**
 * A contract types topics and services, and checks values at the edges with any Standard Schema validator.
 *
 *     deno run --allow-net examples/contract.ts
 */
// deno-lint-ignore-file no-console -- an example prints what it shows
import { broker, component, MethodArgsError, type StandardSchema, type } from "../mod.ts";

/** A validator by hand; Zod, Valibot and ArkType fit as they are. */
const twoNumbers: StandardSchema<[number, number]> = {
  "~standard": {
    version: 1,
    vendor: "example",
    validate: (value) =>
      Array.isArray(value) && value.length === 2 && value.every((x) => typeof x === "number")
        ? { value: value as [number, number] }
        : { issues: [{ message: "expected two numbers" }] },
  },
};

const contract = {
  topics: { alarm: type<[text: string, level: string]>() },
  services: { add: { args: twoNumbers, result: type<number>() } },
} as const;

await using bus = await broker({ port: 0 });
await using server = await component(`${bus.url}/server`, { contract });
await using typed = await component(`${bus.url}/typed`, { contract });
await using untyped = await component(`${bus.url}/untyped`);

await server.expose("add", (x: number, y: number) => x + y);
const sum: number = await typed.rpc("add", 1, 2); // `typed.rpc("add", "1", 2)` does not compile
console.log("sum:", sum);

try {
  await untyped.rpc("add", "one", "two");
} catch (error) {
  if (error instanceof MethodArgsError) console.log(`refused: ${error.data}`);
}
