// Readiness: the database can be written, there is room on the disk, and the process is not on its way out.
import { describe, expect, test } from 'bun:test';
import { createHealth, MIN_FREE_BYTES } from '../src/health.ts';
import { createManualClock } from './support/manual-clock.ts';

const setUp = ({
  bytes = MIN_FREE_BYTES,
  probe = async () => {},
}: {
  bytes?: number;
  probe?: () => Promise<void>;
}) => {
  const disk = { bytes, looks: 0 };
  const clock = createManualClock();
  const freeBytes = () => {
    disk.looks += 1;
    return disk.bytes;
  };
  return { disk, clock, health: createHealth({ dataDir: '.', clock, probe, freeBytes }) };
};

describe('a process', () => {
  test('that can do everything is ready', async () => {
    const { health } = setUp({});
    expect(await health.check()).toEqual({
      isReady: true,
      checks: [
        { name: 'database', ok: true, detail: 'writable' },
        { name: 'disk', ok: true, detail: '128 MiB free' },
        { name: 'draining', ok: true, detail: 'no' },
      ],
    });
    expect(() => health.requireRoom()).not.toThrow();
  });

  test('whose database cannot be written is not, and says why', async () => {
    const { health } = setUp({ probe: () => Promise.reject(new Error('the disk is full')) });
    const { isReady, checks } = await health.check();
    expect([isReady, checks[0]]).toEqual([
      false,
      { name: 'database', ok: false, detail: 'the disk is full' },
    ]);
  });

  test('that is stopping is not', async () => {
    const { health } = setUp({});
    health.startDraining();
    const { isReady, checks } = await health.check();
    expect([isReady, checks[2]]).toEqual([
      false,
      { name: 'draining', ok: false, detail: 'the gateway is stopping' },
    ]);
    // What it has taken in may still be finished.
    expect(() => health.requireRoom()).not.toThrow();
  });

  test('one byte short of room is not, and takes nothing new', async () => {
    const { health } = setUp({ bytes: MIN_FREE_BYTES - 1 });
    expect(await health.check()).toMatchObject({ isReady: false, checks: [{ ok: true }, { ok: false }, {}] });
    expect(() => health.requireRoom()).toThrow(
      expect.objectContaining({ code: 'service_unavailable', retryAfterMs: 30_000 }) as Error,
    );
  });

  test('looks at the disk again when its last look is five seconds old', () => {
    const { health, disk, clock } = setUp({});
    health.requireRoom();
    disk.bytes = 0;
    clock.advance(4999);
    health.requireRoom();
    expect(disk.looks).toBe(1);
    clock.advance(1);
    expect(() => health.requireRoom()).toThrow();
    disk.bytes = MIN_FREE_BYTES;
    clock.advance(5000);
    health.requireRoom();
    expect(disk.looks).toBe(3);
  });
});

describe('without a test in between, the disk', () => {
  const real = (dataDir: string) =>
    createHealth({ dataDir, clock: createManualClock(), probe: async () => {} });

  test('of the data folder is asked', async () => {
    const { checks } = await real(import.meta.dir).check();
    expect(checks[1]?.detail).toMatch(/^\d+ MiB free$/);
  });

  test('that cannot be asked has no room', async () => {
    expect((await real('/nowhere/at/all').check()).checks[1]).toEqual({
      name: 'disk',
      ok: false,
      detail: '0 MiB free',
    });
  });
});
