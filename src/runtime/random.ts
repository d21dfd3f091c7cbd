// Randomness. The only home of the system's random source; ids, keys, secrets and jitter all draw from here.

export type Random = {
  /** `count` fresh random bytes, cryptographically strong in production, repeatable in a test. */
  bytes(count: number): Uint8Array;
};

/** Drawing one block and cutting it up is ten times cheaper than asking the system for every id. */
const BLOCK_BYTES = 4096;

export function createSystemRandom(): Random {
  const block = new Uint8Array(BLOCK_BYTES);
  let used = BLOCK_BYTES;
  return {
    bytes(count) {
      if (count > BLOCK_BYTES) return crypto.getRandomValues(new Uint8Array(count));
      if (used + count > BLOCK_BYTES) {
        crypto.getRandomValues(block);
        used = 0;
      }
      const out = new Uint8Array(count);
      for (let index = 0; index < count; index++, used++) {
        out[index] = block[used] ?? 0;
        // Handed-out bytes do not stay behind in the block.
        block[used] = 0;
      }
      return out;
    },
  };
}

/** A fraction in [0, 1), for jitter. */
export function fraction(random: Random): number {
  const bytes = random.bytes(4);
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) / 2 ** 32;
}
