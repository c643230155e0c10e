/** The Arrow library, `@uwdata/flechette`. */
export type Arrow = typeof import("npm:@uwdata/flechette@2.6.0");
/** A table of the Arrow library. */
export type ArrowTable = ReturnType<Arrow["tableFromIPC"]>;
/** How the Arrow library gives values: see its `ExtractionOptions`. */
export type TableOptions = NonNullable<Parameters<Arrow["tableFromIPC"]>[1]>;

/** Loads the Arrow library, at the first call. */
export async function loadArrow(): Promise<Arrow> {
  return await import("npm:@uwdata/flechette@2.6.0");
}
