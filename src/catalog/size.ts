// The names of sizes: a ratio, and behind it the tier where there are several, such as `16:9_720p`.

const SEPARATOR = '_';

export function ratioOf(size: string): string {
  return size.split(SEPARATOR, 1)[0] ?? size;
}

/** Undefined for a size that is a ratio alone. */
export function tierOf(size: string): string | undefined {
  return size.split(SEPARATOR)[1];
}

export function sizeName(ratio: string, tier: string): string {
  return `${ratio}${SEPARATOR}${tier}`;
}
