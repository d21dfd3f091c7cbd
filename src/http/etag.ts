// Whether the copy that a client has is still right (RFC 9110, If-None-Match).

/** @param header the `If-None-Match` header; null when there is none. */
export function matchesTag(header: string | null, etag: string): boolean {
  if (header === null) return false;
  return header === '*' || header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}
