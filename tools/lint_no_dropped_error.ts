/** What {@link rule} says. */
const MESSAGE = "This error is built and dropped: nobody will see it.";
const HINT = "Throw it, return it, reject with it, or pass it on.";
/** A class or function that makes errors, by the name of its last part. */
const ERROR_NAME = /(?:Error|Exception)$/;
const BUILT_IN: ReadonlySet<string> = new Set([
  "Error",
  "AggregateError",
  "EvalError",
  "RangeError",
  "ReferenceError",
  "SyntaxError",
  "TypeError",
  "URIError",
]);

/**
 * Reports an error that is made as a statement of its own, which is nearly always a forgotten `throw`:
 * `new RangeError("…")`, also behind `void`, `await`, `&&`, `||`, `??`, `?:` or a comma.
 */
const rule: Deno.lint.Rule = {
  create(context) {
    return {
      ExpressionStatement(statement): void {
        for (const node of droppedErrors(statement.expression)) {
          context.report({ node, message: MESSAGE, hint: HINT });
        }
      },
    };
  },
};

/** The errors that an expression makes and whose value nobody gets when the expression's value is not used. */
function droppedErrors(expression: Deno.lint.Expression): readonly Deno.lint.Expression[] {
  switch (expression.type) {
    case "NewExpression":
      return ERROR_NAME.test(nameOf(expression.callee)) ? [expression] : [];
    case "CallExpression":
      // Other functions with such a name may do something; these only build.
      return BUILT_IN.has(nameOf(expression.callee)) ? [expression] : [];
    case "UnaryExpression":
    case "AwaitExpression":
      return droppedErrors(expression.argument);
    case "LogicalExpression":
      return droppedErrors(expression.right);
    case "ConditionalExpression":
      return [...droppedErrors(expression.consequent), ...droppedErrors(expression.alternate)];
    case "SequenceExpression":
      return expression.expressions.flatMap(droppedErrors);
    default:
      return [];
  }
}

/** `XError` of `XError` and of `errors.XError`; empty for anything else. */
function nameOf(callee: Deno.lint.Expression): string {
  if (callee.type === "Identifier") return callee.name;
  if (callee.type === "MemberExpression" && callee.property.type === "Identifier") {
    return callee.computed ? "" : callee.property.name;
  }
  return "";
}

/** Lint rules of this repository; `deno.json` names this file under `lint.plugins`. */
const plugin: Deno.lint.Plugin = { name: "rembus", rules: { "no-dropped-error": rule } };

// The lint plugin interface of Deno wants a default export.
export default plugin;
