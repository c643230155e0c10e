/** What WebCrypto calls the two kinds of keys, for import (spec 4.2). */
export const IMPORT_ALGORITHM = {
  rsa: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  ecdsa: { name: "ECDSA", namedCurve: "P-256" },
} as const;

/** The same, for signing and verifying. */
export const SIGN_ALGORITHM = {
  rsa: { name: "RSASSA-PKCS1-v1_5" },
  ecdsa: { name: "ECDSA", hash: "SHA-256" },
} as const;
