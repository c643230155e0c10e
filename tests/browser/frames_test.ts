// Goal: frames in a browser need no Arrow library, and `table()` finds one by the import map of its page.
// Method: headless Chromium; a module that says that it was asked stands for the library.
import { assertEquals } from "@std/assert";
import { testNeeding } from "../helpers/needs.ts";
import { chromiumForTests, openPage } from "./chromium.ts";

const chromium = await chromiumForTests();

testNeeding(chromium, "DataFrame in a browser is made and read without a library", async (path) => {
  await using client = await openPage(path);
  const rows = await client.page.evaluate(`(async () => {
    const { DataFrame, Timestamp } = await import("/client.ts");
    const frame = DataFrame.fromColumns({
      n: [1, null],
      t: ["x", "ü"],
      ts: [new Timestamp(1n), null],
      b: [2n ** 60n, 1n],
    });
    const read = new DataFrame(frame.bytes).rows();
    const text = (_, value) => typeof value === "bigint" ? String(value) : value;
    return JSON.parse(JSON.stringify(read, text));
  })()`);
  assertEquals(rows, [
    { n: 1, t: "x", ts: "1970-01-01T00:00:00.000000001Z", b: String(2n ** 60n) },
    { n: null, t: "ü", ts: null, b: 1 },
  ]);
  assertEquals(client.complaints, []);
});

testNeeding(chromium, "DataFrame.table() in a browser goes by the import map", async (path) => {
  await using client = await openPage(path);
  const table = await client.page.evaluate(`(async () => {
    const library = "export const tableFromIPC = (bytes) => ({ numRows: 2, size: bytes.length });";
    const map = document.createElement("script");
    map.type = "importmap";
    map.textContent = JSON.stringify({
      imports: {
        "npm:@uwdata/flechette@2.6.0": "data:text/javascript," + encodeURIComponent(library),
      },
    });
    document.head.append(map);
    const { DataFrame } = await import("/client.ts");
    const frame = DataFrame.fromColumns({ n: [1, 2] });
    const { numRows, size } = await frame.table();
    return { numRows, isWhole: size === frame.bytes.length };
  })()`);
  assertEquals(table, { numRows: 2, isWhole: true });
  assertEquals(client.complaints, []);
});
