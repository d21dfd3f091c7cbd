// Whether this process can serve: it writes to the database, has room on its disk, and is not on its way out. It
// never asks a provider, because a provider that is down is no reason to take the gateway out of service.
import { statfsSync } from 'node:fs';
import { GatewayError, messageOf } from './errors.ts';
import { SECOND_MS, type Clock } from './runtime/clock.ts';

export type Check = { name: 'database' | 'disk' | 'draining'; ok: boolean; detail: string };

export type Health = {
  /** What stands in the way of serving, if anything. */
  check(): Promise<{ isReady: boolean; checks: Check[] }>;
  /** @throws GatewayError `service_unavailable` when no new work can be taken in */
  requireRoom(): void;
  /** From now on the process is not ready. */
  startDraining(): void;
};

/** Below this, settling what is open comes before taking in what is new. */
export const MIN_FREE_BYTES = 128 * 1024 * 1024;
/** How long a look at the disk is good for. */
const DISK_LOOK_MS = 5 * SECOND_MS;

export function createHealth(parts: {
  dataDir: string;
  clock: Clock;
  probe: () => Promise<void>;
  /** For tests that need a full disk. */
  freeBytes?: (dir: string) => number;
}): Health {
  const { dataDir, clock, probe, freeBytes = readFreeBytes } = parts;
  let isDraining = false;
  let looked: { atMs: number; bytes: number } | null = null;

  function free(): number {
    const nowMs = clock.elapsedMs();
    if (looked === null || nowMs - looked.atMs >= DISK_LOOK_MS)
      looked = { atMs: nowMs, bytes: freeBytes(dataDir) };
    return looked.bytes;
  }

  async function checkDatabase(): Promise<Check> {
    try {
      await probe();
      return { name: 'database', ok: true, detail: 'writable' };
    } catch (thrown) {
      return { name: 'database', ok: false, detail: messageOf(thrown) };
    }
  }

  return {
    async check() {
      const bytes = free();
      const checks: Check[] = [
        await checkDatabase(),
        { name: 'disk', ok: bytes >= MIN_FREE_BYTES, detail: `${Math.floor(bytes / 2 ** 20)} MiB free` },
        { name: 'draining', ok: !isDraining, detail: isDraining ? 'the gateway is stopping' : 'no' },
      ];
      return { isReady: checks.every((check) => check.ok), checks };
    },
    requireRoom() {
      if (free() < MIN_FREE_BYTES)
        throw new GatewayError('service_unavailable', { retryAfterMs: 30 * SECOND_MS });
    },
    startDraining() {
      isDraining = true;
    },
  };
}

/** A folder that cannot be asked, as when its disk is gone, has room for nothing. */
function readFreeBytes(dir: string): number {
  try {
    const { bavail, bsize } = statfsSync(dir);
    return bavail * bsize;
  } catch {
    return 0;
  }
}
