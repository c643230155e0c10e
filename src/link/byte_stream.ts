/** What a link needs of a connection: a `Deno.TcpConn` and a `Deno.TlsConn` have it. */
export interface ByteStream {
  /** Fills a part of the buffer; `null` when the peer sends nothing more. */
  read(into: Uint8Array): Promise<number | null>;
  /** Writes a part of the bytes, at least one. */
  write(bytes: Uint8Array): Promise<number>;
  /** Tells the peer that nothing more comes. */
  closeWrite(): Promise<void>;
  /**
   * Whether it is encrypted: `closeWrite` comes before `close`, as the peer cannot tell an end that it was not
   * told from one that an attacker made.
   */
  readonly isSecure?: boolean;
  /** Cuts the connection; reads and writes that are under way reject. */
  close(): void;
}

/** Writes all bytes. */
export async function writeAll(stream: ByteStream, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await stream.write(bytes.subarray(at));
}

/** Where what is read to be thrown away goes: nobody reads it, so that all may share it. */
const WASTE: Uint8Array = new Uint8Array(64 * 1024);

/**
 * Reads until the peer ends or the connection is cut. To close with unread bytes resets the connection, and
 * a peer may then not see what was written last.
 */
export async function discard(stream: ByteStream): Promise<void> {
  try {
    while (await stream.read(WASTE) !== null);
  } catch {
    // Reset by the peer, or cut by us: both are an end, and an end is what is waited for.
  }
}

/** Closes a connection that the other side of a race may have closed before. */
export function closeQuietly(stream: ByteStream): void {
  try {
    stream.close();
  } catch {
    // Closed already, which is what was wanted.
  }
}
