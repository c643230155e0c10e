import type { Duck } from "./duck.ts";
import { QueryError, reasonOf } from "./errors.ts";
import { isAllowedFunction } from "./functions.ts";
import { SQL_BYTES_MAX } from "./limits.ts";

/**
 * The gate for SQL text of strangers (D26). DuckDB itself parses the text, which is not bound and not run;
 * the tree is walked against lists of what may be there, and whatever is on no list is refused; then DuckDB
 * writes the tree back as text. Only that text is used, so nothing that a parser overlooks, such as a
 * comment or a second statement, comes near the database.
 */

/** A text around the expression under test: what it adds must be in the tree, and nothing else. */
const WHERE_PREFIX = "SELECT 1 WHERE ";
const SELECT_PREFIX = "SELECT ";
/** Members of a statement that only say where something stood, or that the parser always writes. */
const HARMLESS = new Set(["query_location", "alias", "type", "class", "export_state"]);

type Tree = Record<string, unknown>;

/** Column names as they may be used, lower case. `null` where any may stand. */
interface Walk {
  readonly isSelect: boolean;
}

const encoder = new TextEncoder();

/** The condition as DuckDB writes it. Throws {@link QueryError} when it is more than a condition. */
export async function gateCondition(duck: Duck, text: string): Promise<string> {
  checkText(text, "where");
  // The line break ends a comment, so that it cannot swallow the bracket.
  const { node, canonical } = await parse(duck, `${WHERE_PREFIX}(${text}\n)`, "where");
  checkMembers(node, ["select_list", "from_table", "where_clause", "aggregate_handling"], "where");
  const list = node.select_list;
  if (!Array.isArray(list) || list.length !== 1 || list[0]?.class !== "CONSTANT") {
    throw refused("where", "expected a condition");
  }
  walk(node.where_clause, { isSelect: false }, "where");
  if (!canonical.startsWith(WHERE_PREFIX)) throw refused("where", "expected a condition");
  return canonical.slice(WHERE_PREFIX.length);
}

/** The list of columns as DuckDB writes it. Throws {@link QueryError} when it is more than that. */
export async function gateColumns(duck: Duck, text: string): Promise<string> {
  checkText(text, "cols");
  const { node, canonical } = await parse(duck, `${SELECT_PREFIX}${text}\n`, "cols");
  checkMembers(node, ["select_list", "from_table", "modifiers", "aggregate_handling"], "cols");
  for (const modifier of asList(node.modifiers)) {
    if (modifier.type !== "DISTINCT_MODIFIER" || modifier.distinct_on_targets !== undefined) {
      throw refused("cols", "expected columns only");
    }
  }
  const list = asList(node.select_list);
  if (list.length === 0) throw refused("cols", "expected columns");
  for (const expression of list) walk(expression, { isSelect: true }, "cols");
  if (!canonical.startsWith(SELECT_PREFIX)) throw refused("cols", "expected columns");
  return canonical.slice(SELECT_PREFIX.length);
}

function checkText(text: string, part: string): void {
  if (text.trim() === "") throw refused(part, "expected a text, got an empty one");
  if (encoder.encode(text).length > SQL_BYTES_MAX) {
    throw refused(part, `expected at most ${SQL_BYTES_MAX} bytes`);
  }
  if (text.includes("\0") || !text.isWellFormed()) throw refused(part, "expected Unicode text");
}

/** One SELECT without FROM, as a tree and as canonical text. */
async function parse(
  duck: Duck,
  sql: string,
  part: string,
): Promise<{ node: Tree; canonical: string }> {
  let tree: Tree;
  try {
    const [row] = await duck.rows(
      "SELECT json_serialize_sql($1::VARCHAR, skip_null := true, skip_empty := true)",
      [sql],
    );
    tree = JSON.parse(String(row?.[0]));
  } catch (cause) {
    throw refused(part, reasonOf(cause), { cause });
  }
  if (tree.error !== false) throw refused(part, reasonOf(String(tree.error_message)));
  const [statement, ...others] = asList(tree.statements);
  if (statement === undefined || others.length > 0) throw refused(part, "expected one expression");
  checkMembers(statement, ["node", "named_param_map"], part);
  const node = statement.node;
  if (!isTree(node) || node.type !== "SELECT_NODE") {
    throw refused(part, "expected no set operation");
  }
  if (!isTree(node.from_table) || node.from_table.type !== "EMPTY") {
    throw refused(part, "expected no FROM");
  }
  if (node.aggregate_handling !== undefined && node.aggregate_handling !== "STANDARD_HANDLING") {
    throw refused(part, "expected no GROUP BY");
  }
  const [row] = await duck.rows("SELECT json_deserialize_sql(json_serialize_sql($1::VARCHAR))", [
    sql,
  ]);
  return { node, canonical: String(row?.[0]) };
}

/** Operators, comparisons and conjunctions: all of them are harmless but those that are not here. */
const OPERATORS = new Set([
  ...["OPERATOR_NOT", "OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL", "COMPARE_IN", "COMPARE_NOT_IN"],
  ...["OPERATOR_COALESCE", "OPERATOR_NULLIF", "ARRAY_EXTRACT", "ARRAY_SLICE", "STRUCT_EXTRACT"],
  ...["ARRAY_CONSTRUCTOR", "OPERATOR_TRY"],
]);
/** Types that a cast may name; anything else, such as a type of the schema, is refused. */
const CAST_TYPES = new Set([
  ...["BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT"],
  ...["UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "VARCHAR", "BLOB", "DATE"],
  ...["TIME", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "INTERVAL", "UUID"],
  ...["TIMESTAMP WITH TIME ZONE", "TIMESTAMP_TZ", "TIMESTAMPTZ"],
]);

function walk(value: unknown, context: Walk, part: string): void {
  if (!isTree(value)) throw refused(part, "expected an expression");
  const { class: kind, type } = value;
  switch (kind) {
    case "CONSTANT":
      checkMembers(value, ["value"], part);
      return;
    case "PARAMETER":
      checkMembers(value, ["identifier"], part);
      return;
    case "COLUMN_REF":
      checkMembers(value, ["column_names"], part);
      return;
    case "STAR":
      if (!context.isSelect) throw refused(part, "* is not allowed here");
      checkMembers(value, ["exclude_list", "columns"], part);
      return;
    case "COMPARISON":
      return walkMembers(value, ["left", "right"], context, part);
    case "BETWEEN":
      return walkMembers(value, ["input", "lower", "upper"], context, part);
    case "CONJUNCTION":
      return walkMembers(value, ["children"], context, part);
    case "OPERATOR":
      if (!OPERATORS.has(String(type))) throw refused(part, `operator ${type} is not allowed`);
      return walkMembers(value, ["children"], context, part);
    case "CASE":
      return walkCase(value, context, part);
    case "CAST":
      return walkCast(value, context, part);
    case "FUNCTION":
      return walkFunction(value, context, part);
    default:
      throw refused(part, `${String(kind).toLowerCase()} is not allowed`);
  }
}

/** Walks the named members, which are all that may be there. */
function walkMembers(
  tree: Tree,
  members: readonly string[],
  context: Walk,
  part: string,
): void {
  checkMembers(tree, members, part);
  for (const member of members) {
    const value = tree[member];
    if (value === undefined) continue;
    for (const one of Array.isArray(value) ? value : [value]) walk(one, context, part);
  }
}

function walkCase(tree: Tree, context: Walk, part: string): void {
  checkMembers(tree, ["case_checks", "else_expr"], part);
  for (const check of asList(tree.case_checks)) {
    walkMembers(check, ["when_expr", "then_expr"], context, part);
  }
  if (tree.else_expr !== undefined) walk(tree.else_expr, context, part);
}

function walkCast(tree: Tree, context: Walk, part: string): void {
  checkMembers(tree, ["child", "cast_type", "try_cast"], part);
  const id = isTree(tree.cast_type) ? String(tree.cast_type.id) : "";
  if (!CAST_TYPES.has(id.toUpperCase())) throw refused(part, `a cast to ${id} is not allowed`);
  walk(tree.child, context, part);
}

const FUNCTION_MEMBERS = [
  ...["function_name", "children", "filter", "order_bys", "distinct", "is_operator"],
];

function walkFunction(tree: Tree, context: Walk, part: string): void {
  // A catalog or schema in front of the name would find another function than the one on the list.
  checkMembers(tree, FUNCTION_MEMBERS, part);
  const name = String(tree.function_name);
  if (!isAllowedFunction(name)) throw refused(part, `function "${name}" is not allowed`);
  for (const child of asList(tree.children)) walk(child, context, part);
  if (tree.filter !== undefined) walk(tree.filter, context, part);
  if (isTree(tree.order_bys)) {
    checkMembers(tree.order_bys, ["orders"], part);
    for (const order of asList(tree.order_bys.orders)) {
      checkMembers(order, ["expression", "null_order"], part);
      walk(order.expression, context, part);
    }
  }
}

function checkMembers(tree: Tree, allowed: readonly string[], part: string): void {
  for (const member of Object.keys(tree)) {
    if (!allowed.includes(member) && !HARMLESS.has(member)) {
      throw refused(part, `${member.replaceAll("_", " ")} is not allowed`);
    }
  }
}

function asList(value: unknown): readonly Tree[] {
  return Array.isArray(value) ? value.filter(isTree) : [];
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refused(part: string, cause: string, options?: ErrorOptions): QueryError {
  return new QueryError(`Cannot use "${part}": ${cause}`, options);
}
