import { assertEquals } from "@std/assert";
import { Fifo } from "../../../src/util/fifo.ts";
import { SeededRandom } from "../../helpers/seeded_random.ts";

Deno.test("Fifo gives items in the order in which they came, as an array does", () => {
  const random = new SeededRandom(3);
  const fifo = new Fifo<number>();
  const model: number[] = [];
  for (let count = 0; count < 20_000; count++) {
    // Longer runs of pushes and of shifts, so that it grows beyond a thousand and is empty again.
    if (random.float() < (Math.floor(count / 3_000) % 2 === 0 ? 0.9 : 0.1)) {
      fifo.push(count);
      model.push(count);
    } else {
      assertEquals([fifo.peek(), fifo.shift()], [model[0], model.shift()]);
    }
    if (fifo.length !== model.length) throw new Error(`length ${fifo.length}, got ${model.length}`);
  }
  assertEquals(fifo.drain(), model);
  assertEquals([fifo.length, fifo.peek(), fifo.shift()], [0, undefined, undefined]);
});

Deno.test("Fifo keeps no more than a thousand of the items that were taken", () => {
  const fifo = new Fifo<WeakKey>();
  for (let count = 0; count < 5_000; count++) fifo.push({});
  for (let count = 0; count < 4_999; count++) fifo.shift();
  assertEquals(fifo.length, 1);
});
