// Signed links to stored files: who has one may fetch the file until it expires, and nobody can make or move one.
import { hmacBase64Url, isEqualConstantTime } from '../crypto.ts';
import { HOUR_MS, type Instant } from '../runtime/clock.ts';

/** How long a link works, unless the file is deleted sooner. */
export const LINK_LIFETIME_MS = 24 * HOUR_MS;

export type Link = { path: string; expiresAt: Instant };

export const FILE_ROUTE = '/v1/files';

/** The path and query of a link to a file; whole seconds, because it is read by people. */
export function makeLink(key: Uint8Array, fileId: string, expiresAt: Instant): Link {
  const seconds = Math.floor(expiresAt / 1000);
  return {
    path: `${FILE_ROUTE}/${fileId}?exp=${seconds}&sig=${sign(key, fileId, String(seconds))}`,
    expiresAt: seconds * 1000,
  };
}

/** Whether the query of a link is ours and still in time. */
export function isLinkValid(
  key: Uint8Array,
  fileId: string,
  query: { exp: string; sig: string },
  now: Instant,
): boolean {
  return (
    /^\d{1,12}$/.test(query.exp) &&
    isEqualConstantTime(sign(key, fileId, query.exp), query.sig) &&
    Number(query.exp) * 1000 > now
  );
}

function sign(key: Uint8Array, fileId: string, seconds: string): string {
  return hmacBase64Url(key, `${fileId}\n${seconds}`);
}
