// The demo's files in the eyes of others: ffprobe reads size, duration and codec, and Chromium plays the video to its
// end. Needs ffmpeg and chromium, and `npm run build` first.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { assert } from '../../src/errors.ts';
import { runExecutable } from '../support/executable.ts';
import { createProofs } from '../support/proofs.ts';

const folder = mkdtempSync(join(tmpdir(), 'sluice-media-check-'));
const IMAGE = { width: 1376, height: 768 } as const;
const VIDEO = { width: 1280, height: 720, seconds: 4 } as const;
/** Containers round to a sample or a frame. */
const MAX_SECONDS_OFF = 0.1;
/** A player may leave out a frame at either end. */
const MAX_FRAMES_OFF = 2;
const PATIENCE_MS = 60_000;

let framesInFile = 0;
const { prove, conclude } = createProofs();

type Stream = {
  codec_type: string;
  codec_name: string;
  pix_fmt?: string;
  width?: number;
  height?: number;
  duration?: string;
  nb_read_frames?: string;
};

/** What ffprobe says after it has decoded every frame. @throws with its complaints, if there are some */
async function probe(file: string): Promise<Stream[]> {
  const child = Bun.spawn(
    ['ffprobe', '-v', 'warning', '-count_frames', '-show_streams', '-of', 'json', join(folder, file)],
    { stdout: 'pipe', stderr: 'pipe' },
  );
  const [out, complaints] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  assert((await child.exited) === 0 && complaints === '', `ffprobe complains: ${complaints}`);
  return (JSON.parse(out) as { streams: Stream[] }).streams;
}

const isClose = (actual: number, wanted: number) => Math.abs(actual - wanted) <= MAX_SECONDS_OFF;

async function checkImage(): Promise<string> {
  const [stream, ...others] = await probe('image.png');
  assert(stream?.codec_name === 'png' && others.length === 0, 'it is one PNG');
  assert(
    stream.width === IMAGE.width && stream.height === IMAGE.height,
    'it has the size that was asked for',
  );
  return `PNG ${stream.width} x ${stream.height}`;
}

async function checkVideo(): Promise<string> {
  const streams = await probe('video.mp4');
  const video = streams.find(({ codec_type }) => codec_type === 'video');
  const audio = streams.find(({ codec_type }) => codec_type === 'audio');
  assert(video?.codec_name === 'h264' && video.pix_fmt === 'yuv420p', 'it is H.264 that every player knows');
  assert(video.width === VIDEO.width && video.height === VIDEO.height, 'it has the size that was asked for');
  assert(
    isClose(Number(video.duration), VIDEO.seconds),
    `it lasts ${VIDEO.seconds} s and not ${video.duration}`,
  );
  assert(audio === undefined || isClose(Number(audio.duration), VIDEO.seconds), 'its sound lasts as long');
  framesInFile = Number(video.nb_read_frames);
  return `${video.codec_name} ${video.width} x ${video.height}, ${video.duration} s, ${framesInFile} frames, sound ${audio?.codec_name ?? 'none'}`;
}

type Played = { error: string | null; seconds: number; duration: number; width: number; frames: number };

/** As text, because it is for the browser. */
const PLAY = `new Promise((resolve) => {
  const video = document.querySelector('video');
  const done = () => resolve({
    error: video.error === null ? null : String(video.error.message),
    seconds: video.currentTime,
    duration: video.duration,
    width: video.videoWidth,
    frames: video.getVideoPlaybackQuality().totalVideoFrames,
  });
  video.addEventListener('ended', done);
  video.addEventListener('error', done);
  video.play().catch(done);
})`;

async function checkPlayback(): Promise<string> {
  const executablePath = Bun.which('chromium') ?? Bun.which('chromium-browser') ?? Bun.which('google-chrome');
  assert(executablePath !== null, 'Chromium is installed');
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: ({ url }) =>
      new URL(url).pathname === '/video.mp4'
        ? new Response(Bun.file(join(folder, 'video.mp4')))
        : new Response('<video muted src="/video.mp4">', { headers: { 'content-type': 'text/html' } }),
  });
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    await page.goto(server.url.href);
    const played = await page.evaluate<Played>(PLAY);
    assert(played.error === null, `no error: ${played.error}`);
    assert(isClose(played.duration, VIDEO.seconds) && isClose(played.seconds, VIDEO.seconds), 'to the end');
    assert(played.width === VIDEO.width, 'in its size');
    assert(played.frames >= framesInFile - MAX_FRAMES_OFF, `all ${framesInFile} frames: ${played.frames}`);
    return `${played.seconds} s of ${played.duration} s, ${played.frames} frames`;
  } finally {
    await browser.close();
    await server.stop(true);
  }
}

await prove('the demo leaves its files', async () => {
  const { PATH = '' } = process.env;
  const { code, notes } = await runExecutable(['demo', '--out', folder], {
    cwd: folder,
    environment: { PATH },
  });
  assert(code === 0, notes);
  return 'image.png, video.mp4';
});
await prove('ffprobe reads the image', checkImage);
await prove('ffprobe reads the video', checkVideo);
await prove('Chromium plays the video to its end', checkPlayback);
rmSync(folder, { recursive: true, force: true });
conclude();
