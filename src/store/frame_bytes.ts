/** Tag 80: a data frame as Arrow bytes (spec 2.6). */
const TAG_FRAME = [0xd8, 0x50] as const;
const MAJOR_BYTES = 0x40;
const ONE_BYTE = 24;
const TWO_BYTES = 25;
const FOUR_BYTES = 26;

/** The CBOR of a data frame: Arrow bytes behind tag 80, copied once. They must be shorter than 4 GiB. */
export function frameBytes(arrow: Uint8Array): Uint8Array {
  const head = [...TAG_FRAME, ...bytesHead(arrow.byteLength)];
  const cbor = new Uint8Array(head.length + arrow.byteLength);
  cbor.set(head);
  cbor.set(arrow, head.length);
  return cbor;
}

function bytesHead(length: number): number[] {
  if (length < ONE_BYTE) return [MAJOR_BYTES | length];
  if (length < 0x100) return [MAJOR_BYTES | ONE_BYTE, length];
  if (length < 0x1_0000) return [MAJOR_BYTES | TWO_BYTES, length >>> 8, length & 0xff];
  return [
    MAJOR_BYTES | FOUR_BYTES,
    length >>> 24,
    (length >>> 16) & 0xff,
    (length >>> 8) & 0xff,
    length & 0xff,
  ];
}
