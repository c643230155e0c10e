/** Functions that text in `where` and `cols` may call: pure, bounded in what they make of their input. */
const SCALARS = [
  // Operators, as the parser names them.
  ...["+", "-", "*", "/", "//", "%", "**", "^", "||", "&", "|", "~", "<<", ">>", "@"],
  ...["~~", "!~~", "~~*", "!~~*", "~~~", "like_escape", "not_like_escape", "ilike_escape"],
  ...["not_ilike_escape", "!~", "regexp_full_match", "!__postfix"],
  // Numbers.
  ...["abs", "ceil", "ceiling", "floor", "round", "trunc", "sign", "sqrt", "cbrt", "exp", "ln"],
  ...[
    "log",
    "log2",
    "log10",
    "pow",
    "power",
    "mod",
    "fmod",
    "divide",
    "multiply",
    "add",
    "subtract",
  ],
  ...["sin", "cos", "tan", "asin", "acos", "atan", "atan2", "cot", "degrees", "radians", "pi"],
  ...["isnan", "isinf", "isfinite", "greatest", "least", "even", "gcd", "lcm", "bit_count", "xor"],
  // Texts. None that repeats, pads or widens: nested, a short text would make a huge one.
  ...["lower", "upper", "lcase", "ucase", "trim", "ltrim", "rtrim", "length", "len", "strlen"],
  ...["char_length", "character_length", "substr", "substring", "left", "right", "reverse"],
  ...["contains", "starts_with", "prefix", "suffix", "ends_with", "position", "strpos"],
  ...["instr", "concat", "concat_ws", "split_part", "ascii", "unicode", "chr", "translate"],
  ...[
    "regexp_matches",
    "regexp_extract",
    "md5",
    "sha256",
    "hash",
    "to_base64",
    "from_base64",
  ],
  ...[
    "encode",
    "decode",
    "octet_length",
    "bit_length",
    "strip_accents",
    "nullif",
    "ifnull",
  ],
  ...["coalesce", "if"],
  // Dates and times.
  ...["date_part", "datepart", "date_trunc", "datetrunc", "date_diff", "datediff", "date_sub"],
  ...[
    "datesub",
    "date_add",
    "time_bucket",
    "epoch",
    "epoch_ms",
    "epoch_us",
    "epoch_ns",
    "make_date",
  ],
  ...["make_time", "make_timestamp", "make_timestamp_ms", "make_timestamp_ns", "to_timestamp"],
  ...["strftime", "strptime", "try_strptime", "now", "get_current_timestamp", "current_date"],
  ...["today", "current_localtimestamp", "year", "month", "day", "hour", "minute", "second"],
  ...[
    "millisecond",
    "microsecond",
    "quarter",
    "week",
    "weekday",
    "isodow",
    "dayofweek",
    "dayofyear",
  ],
  ...["dayname", "monthname", "last_day", "age", "timezone", "to_years", "to_months", "to_weeks"],
  ...["to_days", "to_hours", "to_minutes", "to_seconds", "to_milliseconds", "to_microseconds"],
  // Nested values.
  ...["list_value", "list_contains", "list_has", "array_contains", "list_position", "list_extract"],
  ...["list_element", "array_extract", "array_slice", "list_slice", "list_min", "list_max"],
  ...[
    "list_sum",
    "list_avg",
    "array_length",
    "cardinality",
    "map_keys",
    "map_values",
    "map_extract",
  ],
  ...["element_at", "struct_extract", "struct_pack", "row", "json_extract", "json_extract_string"],
  ...["->", "->>", "json_valid", "json_type", "json_array_length", "array_value", "typeof"],
] as const;

/** Aggregates, which `cols` may call. */
const AGGREGATES = [
  ...["count", "count_star", "count_if", "sum", "avg", "mean", "min", "max", "first", "last"],
  ...["any_value", "arg_min", "arg_max", "min_by", "max_by", "median", "mode", "quantile"],
  ...["quantile_cont", "quantile_disc", "stddev", "stddev_samp", "stddev_pop", "variance"],
  ...["var_samp", "var_pop", "bool_and", "bool_or", "approx_count_distinct", "approx_quantile"],
  ...["corr", "covar_pop", "covar_samp", "regr_slope", "regr_intercept", "product", "kurtosis"],
  ...["skewness", "entropy", "bit_and", "bit_or", "bit_xor"],
] as const;

const ALLOWED: ReadonlySet<string> = new Set([...SCALARS, ...AGGREGATES]);

/** Whether a function may be called by its name as the parser gives it. */
export function isAllowedFunction(name: string): boolean {
  return ALLOWED.has(name.toLowerCase());
}
