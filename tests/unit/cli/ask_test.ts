import { assertEquals } from "@std/assert";
import { askUnseen, type Terminal } from "../../../src/cli/ask.ts";

interface FakeTerminal extends Terminal {
  readonly shown: string[];
  readonly modes: boolean[];
}

/** A terminal on which these are typed, one piece after the other. */
function terminal(pieces: readonly string[], isTerminal = true): FakeTerminal {
  const waiting = pieces.map((piece) => new TextEncoder().encode(piece));
  const shown: string[] = [];
  const modes: boolean[] = [];
  return {
    shown,
    modes,
    isTerminal: () => isTerminal,
    show: (text) => void shown.push(text),
    setRaw: (isOn) => void modes.push(isOn),
    read(into: Uint8Array): Promise<number | null> {
      const next = waiting.shift();
      if (next === undefined) return Promise.resolve(null);
      into.set(next);
      return Promise.resolve(next.length);
    },
  };
}

const CASES = [
  { pieces: ["se", "cret\r"], wanted: "secret" },
  { pieces: ["secret\n"], wanted: "secret" },
  { pieces: ["se\u00e9\x7f", "x\x7f\x7fé\r"], wanted: "sé" },
  { pieces: ["\x7f\x7fa\r"], wanted: "a" },
  { pieces: ["\r"], wanted: "" },
  { pieces: ["sec\x03"], wanted: null },
  { pieces: ["sec\x04"], wanted: null },
  { pieces: ["sec"], wanted: null },
] as const;
for (const { pieces, wanted } of CASES) {
  Deno.test(`askUnseen() gives ${JSON.stringify(wanted)} for ${JSON.stringify(pieces)}`, async () => {
    const fake = terminal(pieces);
    assertEquals(await askUnseen("PIN: ", fake), wanted);
    assertEquals(fake.shown, ["PIN: ", "\n"]);
    assertEquals(fake.modes, [true, false]);
  });
}

Deno.test("askUnseen() asks nobody when there is no terminal", async () => {
  const fake = terminal(["x\r"], false);
  assertEquals(await askUnseen("PIN: ", fake), null);
  assertEquals([fake.shown, fake.modes], [[], []]);
});
