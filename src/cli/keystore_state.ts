import type { CertificateFacts } from "../host/certificates.ts";
import type { KeystoreFacts } from "../host/keystore.ts";

const DAY_MS = 86_400_000;
/** A certificate that ends sooner is worth a word. */
const DAYS_SOON = 30;

/** Whole days until a certificate ends; below zero when it did. */
export function daysLeft({ notAfter }: CertificateFacts, now: Date): number {
  return Math.floor((notAfter.getTime() - now.getTime()) / DAY_MS);
}

/** Whether a certificate ends within a month. */
export function endsSoon(certificate: CertificateFacts, now: Date): boolean {
  return daysLeft(certificate, now) < DAYS_SOON;
}

/** How long a certificate is still good, for people. */
export function certificateState(certificate: CertificateFacts, now: Date): string {
  if (certificate.notBefore > now) return "not good yet";
  if (certificate.notAfter < now) return "it has ended";
  const days = daysLeft(certificate, now);
  return days === 1 ? "1 day left" : `${days} days left`;
}

/** What must be mended before a broker can serve with a keystore, a sentence each. */
export function keystoreProblems(
  { certificate, authority, isPair, exposed }: KeystoreFacts,
  now: Date,
): string[] {
  return [
    ...(certificate.notAfter < now || certificate.notBefore > now
      ? [
        `certificate: ${certificateState(certificate, now)}; rembus keystore renew makes a new one`,
      ]
      : []),
    ...(authority !== null && authority.notAfter < now
      ? ["ca.crt: it has ended; rembus keystore init --force makes a new one for all clients"]
      : []),
    ...(isPair ? [] : ["rembus.key does not belong to rembus.crt"]),
    ...(certificate.names.length === 0
      ? ["certificate: it has no alternative names, without which clients refuse it"]
      : []),
    ...exposed.map((name) => `${name} can be read by others; chmod 600 mends it`),
  ];
}
