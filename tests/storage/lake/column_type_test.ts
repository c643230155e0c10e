import { assertEquals, assertThrows } from "@std/assert";
import { parseColumnType, typeText } from "../../../src/lake/column_type.ts";
import { SchemaError } from "../../../src/lake/errors.ts";

const READ: readonly (readonly [string, string])[] = [
  ["text", "VARCHAR"],
  ["VARCHAR(20)", "VARCHAR"],
  ["int", "INTEGER"],
  ["Int8", "BIGINT"],
  ["real", "FLOAT"],
  ["numeric", "DECIMAL(18,3)"],
  ["DECIMAL(10, 2)", "DECIMAL(10,2)"],
  ["decimal(7)", "DECIMAL(7,0)"],
  ["timestamp", "TIMESTAMP"],
  ["TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH TIME ZONE"],
  ["timestamptz", "TIMESTAMP WITH TIME ZONE"],
  ["INTEGER[]", "INTEGER[]"],
  ["INTEGER[3][]", "INTEGER[3][]"],
  ['STRUCT(x DOUBLE, "y z" TEXT[])', 'STRUCT("x" DOUBLE, "y z" VARCHAR[])'],
  ["MAP(TEXT, DECIMAL(4,1))", "MAP(VARCHAR, DECIMAL(4,1))"],
  ["ENUM('it''s', 'b')", "ENUM('it''s', 'b')"],
  [" ENUM ( 'a' )[] ", "ENUM('a')[]"],
];

for (const [text, canonical] of READ) {
  Deno.test(`parseColumnType() reads ${text}`, () => {
    assertEquals(typeText(parseColumnType(text)), canonical);
    assertEquals(typeText(parseColumnType(canonical)), canonical);
  });
}

const REFUSED = [
  ...[
    "",
    " ",
    "(",
    "INTEGER x",
    "INTEGER[",
    "INTEGER]",
    "INTEGER[0]",
    "INTEGER[-1]",
    "DECIMAL(",
    "DECIMAL(2,3)",
  ],
  ...[
    "ENUM()",
    "ENUM('a','a')",
    "ENUM(a)",
    "ENUM('a",
    "STRUCT()",
    "STRUCT(a)",
    "STRUCT(a INT, A INT)",
    "MAP(INT)",
  ],
  ...[
    "INTEGER; DROP TABLE t",
    "INTEGER -- x",
    "INTEGER /* x */",
    "INTEGER DEFAULT 1",
    "INTEGER NOT NULL",
  ],
  ...[
    "INTEGER\0",
    "TEXT COLLATE nocase",
    "INTEGER PRIMARY KEY",
    "INTEGER CHECK (a > 1)",
    "ANY",
    "INTERVAL YEAR",
  ],
  ...[
    "INTEGER, b INTEGER",
    "VARCHAR(0)",
    `INTEGER${"[]".repeat(17)}`,
    "main.INTEGER",
    "$$x$$",
    "TIMESTAMP WITH",
  ],
];

for (const text of REFUSED) {
  Deno.test(`parseColumnType() refuses ${JSON.stringify(text).slice(0, 40)}`, () => {
    assertThrows(() => parseColumnType(text), SchemaError);
  });
}
