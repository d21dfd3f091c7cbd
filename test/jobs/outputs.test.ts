// What a provider delivers is copied once, looked at, and charged for only when it is what was ordered. What goes wrong
// with the copy is tried again as a copy, and never as a second generation.
import { describe, expect, test } from 'bun:test';
import { existsSync, rmSync } from 'node:fs';
import { createMediaDisk, type MediaStore } from '../../src/media/index.ts';
import type { AttemptOutcome, ProviderOutput } from '../../src/providers/index.ts';
import type { Script } from '../support/scripted-provider.ts';
import { makeTempFolder } from '../support/temp-folder.ts';
import { tinyMp4, tinyPng } from '../support/tiny-media.ts';
import { openStage } from './stage.ts';

const text = (words: string) => new TextEncoder().encode(words);
const outputs = (...roles: ProviderOutput['role'][]): AttemptOutcome => ({
  kind: 'completed',
  providerJobId: 'p1',
  outputs: roles.map((role, index) => ({ role, url: `test:${index}` })),
});

describe('what is not the output that was ordered', () => {
  const CASES: [string, Script, 'image' | 'video'][] = [
    ['no output at all', { poll: () => outputs() }, 'image'],
    ['a poster alone', { poll: () => outputs('poster'), openOutput: () => tinyPng(64, 64) }, 'video'],
    ['an empty file', { openOutput: () => new Uint8Array() }, 'image'],
    ['a page that says sorry', { openOutput: () => text('<!doctype html><h1>Sorry</h1>') }, 'image'],
    ['a page in place of a video', { openOutput: () => text('<!doctype html><h1>Sorry</h1>') }, 'video'],
    ['a video for an image', { openOutput: () => tinyMp4(64, 64) }, 'image'],
    ['an image for a video', { openOutput: () => tinyPng(64, 64) }, 'video'],
    ['an image that breaks off in its head', { openOutput: () => tinyPng(64, 64).slice(0, 20) }, 'image'],
    ['a video that breaks off', { openOutput: () => tinyMp4(64, 64).slice(0, 60) }, 'video'],
    ['a video with a video for a poster', { poll: () => outputs('output', 'poster') }, 'video'],
  ];
  for (const [what, script, type] of CASES) {
    test(`${what} fails the job after a few looks, and costs nothing`, async () => {
      const stage = await openStage([script, {}]);
      const id = await stage.accept({ type });
      const ended = await stage.untilEnded(id);
      expect(ended).toMatchObject({ state: 'failed', error_code: 'provider_error', refunded: ended.price });
      expect(stage.provider.calls.submits).toHaveLength(1);
      expect(stage.providers[1]?.calls.submits).toEqual([]);
      await stage.close();
    });
  }

  test('an output that grows past a gigabyte is cut off', async () => {
    let sent = 0;
    const piece = new Uint8Array(16 * 1024 * 1024);
    const stage = await openStage([{}], { mediaStore: weighingStore((bytes) => (sent += bytes)) });
    stage.provider.openOutput = async () => ({ pieces: endless(piece) });
    const id = await stage.accept();
    await stage.world.advance(2000);
    expect(stage.job(id)).toMatchObject({ state: 'storing', tries: 1 });
    expect(sent).toBeLessThanOrEqual(1024 ** 3 + piece.length);
    await stage.world.close();
  });
});

test('an output that came with the answer itself is delivered, and not left behind', async () => {
  const stage = await openStage([
    {
      submit: async (_order, attemptId, { keep }) => ({
        kind: 'completed',
        providerJobId: attemptId,
        outputs: [await keep('output', tinyPng(64, 64))],
      }),
    },
  ]);
  const id = await stage.accept();
  expect((await stage.untilEnded(id)).state).toBe('completed');
  expect(stage.provider.calls.opens).toBe(0);
  const [file] = stage.files(id);
  const media = createMediaDisk(`${stage.world.dir}/media`);
  const stored = await media.open(file?.id ?? '');
  expect(Buffer.from((await stored?.bytes()) ?? []).equals(tinyPng(64, 64))).toBe(true);
  expect(await Array.fromAsync(media.listOlderThan(Number.MAX_SAFE_INTEGER))).toHaveLength(1);
  await stage.close();
});

test('what came with an answer stays for the worker that has taken the job over', async () => {
  let stage: Awaited<ReturnType<typeof openStage>> | null = null;
  let writes = 0;
  const folder = makeTempFolder('sluice-kept-');
  const disk = createMediaDisk(folder);
  const mediaStore: MediaStore = {
    ...disk,
    async write(id, pieces, maxBytes) {
      writes += 1;
      // The first is what was kept, the second the output: meanwhile the job is somebody else's.
      if (writes === 2) stage?.tamper('UPDATE jobs SET lease_no = lease_no + 1');
      return disk.write(id, pieces, maxBytes);
    },
  };
  const submit: Script['submit'] = async (_order, attemptId, { keep }) => ({
    kind: 'completed',
    providerJobId: attemptId,
    outputs: [await keep('output', tinyPng(64, 64))],
  });
  stage = await openStage([{ submit }], { mediaStore });
  const id = await stage.accept();
  expect(await stage.untilEnded(id)).toMatchObject({ state: 'completed', error_code: null });
  expect(writes).toBe(3);
  await stage.world.close();
  rmSync(folder, { recursive: true });
});

test('an output that is whole at the second look is delivered', async () => {
  let looks = 0;
  const stage = await openStage([{ openOutput: () => (looks++ === 0 ? new Uint8Array() : tinyPng(64, 64)) }]);
  const id = await stage.accept();
  expect((await stage.untilEnded(id)).state).toBe('completed');
  expect(stage.provider.calls).toMatchObject({ opens: 2 });
  expect(stage.provider.calls.submits).toHaveLength(1);
  await stage.close();
});

test('a video is delivered with its poster', async () => {
  const stage = await openStage([{ poll: () => outputs('output', 'poster') }]);
  let opened = 0;
  stage.provider.openOutput = async () => ({ pieces: [opened++ === 0 ? tinyMp4(64, 48) : tinyPng(64, 48)] });
  const id = await stage.accept({ type: 'video' });
  await stage.untilEnded(id);
  const result = await stage.world.call('GET', `/v1/jobs/${id}/result`, { key: stage.customer.liveKey });
  expect(result.json).toMatchObject({ type: 'video', contentType: 'video/mp4', width: 64, height: 48 });
  expect(result.json['previewUrl']).toMatch(/^http/);
  await stage.close();
});

describe('a store that fails', () => {
  test('is tried again as a copy; the provider is asked for nothing but the same output', async () => {
    let faults = 3;
    const stage = await openStage([{}], {
      gateKeeper: (gate) => (gate === 'before media.write' && faults-- > 0 ? 'fail' : 'go'),
    });
    const id = await stage.accept();
    await stage.world.advance(2000);
    expect(stage.job(id)).toMatchObject({ state: 'storing', tries: 1 });
    expect((await stage.untilEnded(id)).state).toBe('completed');
    expect(stage.provider.calls.submits).toHaveLength(1);
    expect(stage.provider.calls.polls).toHaveLength(1);
    await stage.close();
  });

  test('for too long ends the job as a fault of ours, without a charge', async () => {
    const stage = await openStage([{}], {
      gateKeeper: (gate) => (gate === 'before media.write' ? 'fail' : 'go'),
    });
    const id = await stage.accept();
    const ended = await stage.untilEnded(id);
    expect(ended).toMatchObject({ state: 'failed', error_code: 'storage_error', refunded: 20 });
    expect(ended.ended_at).toBeLessThan(ended.deadline_at);
    expect(stage.provider.calls.submits).toHaveLength(1);
    await stage.close();
  });

  test('to open what it has just stored is tried again', async () => {
    let faults = 1;
    const stage = await openStage([{}], {
      gateKeeper: (gate) => (gate === 'before media.open' && faults-- > 0 ? 'fail' : 'go'),
    });
    const id = await stage.accept();
    expect((await stage.untilEnded(id)).state).toBe('completed');
    await stage.close();
  });

  test('an output that does not come to its end within ten minutes is given up and tried again', async () => {
    const stage = await openStage();
    let opened = 0;
    const stuck = new Promise<never>(() => undefined);
    stage.provider.openOutput = async () => (opened++ === 0 ? stuck : { pieces: [tinyMp4(64, 64)] });
    const id = await stage.accept({ type: 'video' });
    await stage.world.settle();
    stage.world.clock.advance(2000);
    const settling = stage.world.settle();
    await stage.world.clock.someoneSleeps(600_000);
    stage.world.clock.advance(600_000);
    await settling;
    expect(stage.job(id)).toMatchObject({ state: 'storing', tries: 1 });
    expect((await stage.untilEnded(id)).state).toBe('completed');
    await stage.close();
  });
});

test('a writer that was given up and goes on cannot spoil the file of the next one', async () => {
  const stage = await openStage();
  const disk = createMediaDisk(`${stage.world.dir}/aside`);
  const [first, second] = [gate(), gate()];
  const id = 'file_01mcc5rm00ffctfasye7ntd706';
  const late = disk.write(id, first.pieces, 100).catch((thrown: Error) => thrown);
  await first.wasAsked;
  const good = disk.write(id, second.pieces, 100);
  await second.wasAsked;
  second.send(text('what was ordered'));
  expect(await good).toMatchObject({ bytes: 16 });
  first.send(text('leftovers'));
  await late;
  expect(await (await disk.open(id))?.text()).toBe('what was ordered');
  rmSync(`${stage.world.dir}/aside`, { recursive: true });
  expect(existsSync(`${stage.world.dir}/aside`)).toBe(false);
  await stage.close();
});

/** Pieces that come when the test says so. */
function gate() {
  const asked = Promise.withResolvers<void>();
  const piece = Promise.withResolvers<Uint8Array>();
  async function* pieces() {
    asked.resolve();
    yield await piece.promise;
  }
  return { pieces: pieces(), wasAsked: asked.promise, send: piece.resolve };
}

function* endless(piece: Uint8Array) {
  for (;;) yield piece;
}

/** Keeps nothing, so that a gigabyte costs no memory; obeys the limit as the real one does. */
function weighingStore(weigh: (bytes: number) => void): ReturnType<typeof createMediaDisk> {
  return {
    async write(_id, pieces, maxBytes) {
      let bytes = 0;
      for await (const piece of pieces) {
        bytes += piece.length;
        weigh(piece.length);
        if (bytes > maxBytes) return null;
      }
      return { bytes, sha256: '' };
    },
    open: () => Promise.resolve(null),
    remove: () => Promise.resolve(),
    async *listOlderThan() {},
  };
}
