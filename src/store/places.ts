/** Where the files of one broker are. */
export interface Places {
  /** Directory of its log, with the lock of all of it. */
  readonly log: string;
  /** What it remembers of components. */
  readonly state: string;
  /** Directory of the keys of registered names. */
  readonly keys: string;
  /** Its audit trail. */
  readonly audit: string;
}

/** The files of a broker, whose name must have been checked (D30), below the directory of all brokers. */
export function placesOf(dir: string, name: string): Places {
  const place = `${dir}/${name}`;
  return {
    log: `${place}/log`,
    state: `${place}/state.db`,
    keys: `${place}/keys`,
    audit: `${place}/audit.log`,
  };
}
