/** The field of P-256: numbers below this prime (FIPS 186, D.1.2.3). */
const PRIME = 0xffffffff_00000001_00000000_00000000_00000000_ffffffff_ffffffff_ffffffffn;
/** The curve is y^2 = x^3 - 3x + B. */
const B = 0x5ac635d8_aa3a93e7_b3ebbd55_769886bc_651d06b0_cc53b0f6_3bce3c3e_27d2604bn;

/** Whether two big-endian numbers are a point of the curve P-256. For public keys only: its time tells of them. */
export function isOnP256(x: Uint8Array, y: Uint8Array): boolean {
  const [a, b] = [toNumber(x), toNumber(y)];
  return a < PRIME && b < PRIME && (b * b - (a * a * a - 3n * a + B)) % PRIME === 0n;
}

function toNumber(bytes: Uint8Array): bigint {
  let number = 0n;
  for (const byte of bytes) number = number << 8n | BigInt(byte);
  return number;
}
