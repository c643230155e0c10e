const SCHEME_END = "://";

/** The name in an identity: Rembus.jl writes it as a URL, of which it is the path (rembus-jl 2.2). */
export function componentOf(cid: string): string {
  const scheme = cid.indexOf(SCHEME_END);
  if (scheme === -1) return cid;
  const path = cid.indexOf("/", scheme + SCHEME_END.length);
  if (path === -1) return "";
  const name = cid.slice(path + 1);
  const end = name.search(/[?#]/);
  return end === -1 ? name : name.slice(0, end);
}
