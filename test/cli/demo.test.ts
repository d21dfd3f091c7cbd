// `sluice demo` as a process: the journey from nothing to an image and a video, as somebody sees it who tries it out.
import { expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readImageHeader, readMp4Header } from '../../src/media/index.ts';
import { runProcess } from './process.ts';
import { makeScene } from './scene.ts';

const { newFolder } = makeScene();

test('leaves an image and a video, says what each cost, and cleans up after itself', async () => {
  const folder = newFolder();
  // Settings around it do not count: it must not touch the data of a gateway that is really used.
  const environment = { SLUICE_DATA_DIR: folder.dir, TMPDIR: folder.beside(''), PORT: 'not a port' };
  const { code, out, notes } = await runProcess(['demo', '--out', folder.beside('out')], { environment });
  expect([code, notes]).toEqual([
    0,
    expect.stringContaining('sent again found the same job and cost 0 credits'),
  ]);
  expect(readdirSync(folder.beside('out')).toSorted()).toEqual(['image.png', 'video.mp4']);
  const [image, video] = ['image.png', 'video.mp4'].map((name) =>
    readFileSync(join(folder.beside('out'), name)),
  );
  expect(readImageHeader(image ?? new Uint8Array())).toMatchObject({
    contentType: 'image/png',
    width: 1376,
    height: 768,
  });
  expect(await readMp4Header(video ?? new Uint8Array())).toEqual({
    width: 1280,
    height: 720,
    durationMs: 4000,
    hasAudio: true,
  });
  expect(out).toMatch(/^capture +-20 +99980 /m);
  expect(out).toMatch(/^capture +-2400 +97580 /m);
  expect(out).toMatch(/image\.png +\d+ +20$/m);
  expect(out).toMatch(/video\.mp4 +\d+ +2400$/m);
  expect(out + notes).not.toMatch(/ak_test_\w{9}/);
  expect(readdirSync(folder.beside(''))).toEqual(['out']);
}, 60_000);
