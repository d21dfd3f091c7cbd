// A key holder makes an image and a video and downloads both. Needs GATEWAY_URL and SLUICE_API_KEY; takes the folder for
// the two files as its argument. Runs with `bun generate.ts`.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const baseUrl = requireVariable('GATEWAY_URL');
const apiKey = requireVariable('SLUICE_API_KEY');
const folder = process.argv[2] ?? '.';
const MAX_TRIES = 5;

type Refusal = { code: string; error: { message: string; retryable: boolean } };
type Result = { status: 'processing' } | { status: 'completed'; url: string };

function requireVariable(variable: string): string {
  const value = process.env[variable];
  if (!value) throw new Error(`${variable} is not set`);
  return value;
}

/** Returns the id of the accepted job. Every try carries the same idempotency key, so a lost answer never makes a second job. */
async function submit(path: string, body: object): Promise<string> {
  const idempotencyKey = crypto.randomUUID();
  for (let attempt = 1; ; attempt++) {
    const response = await fetch(baseUrl + path, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${apiKey}`,
        'content-type': 'application/json',
        'idempotency-key': idempotencyKey,
      },
      body: JSON.stringify(body),
    }).catch(() => null);
    if (response?.ok) return ((await response.json()) as { jobId: string }).jobId;
    const refusal = response === null ? null : ((await response.json()) as Refusal);
    if (refusal !== null && !refusal.error.retryable) {
      throw new Error(`${refusal.code}: ${refusal.error.message}`);
    }
    if (attempt === MAX_TRIES) throw new Error(`given up after ${attempt} tries`);
    await sleep(Number(response?.headers.get('retry-after') ?? attempt));
  }
}

/** Waits for the end of the job and downloads what it made. */
async function fetchResult(jobId: string, file: string): Promise<void> {
  for (;;) {
    const response = await fetch(`${baseUrl}/v1/jobs/${jobId}/result?wait=30`, {
      headers: { authorization: `Bearer ${apiKey}` },
    });
    if (!response.ok) {
      const { code, error } = (await response.json()) as Refusal;
      throw new Error(`${code}: ${error.message}`);
    }
    const result = (await response.json()) as Result;
    if (result.status === 'processing') continue;
    const media = await fetch(result.url);
    await writeFile(file, new Uint8Array(await media.arrayBuffer()));
    process.stdout.write(`${file}\n`);
    return;
  }
}

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

const image = await submit('/v1/images/generate', { prompt: 'A lighthouse at dawn', size: '16:9_SMALL' });
const video = await submit('/v1/videos/generate', { prompt: 'Waves roll in below a lighthouse', duration: 4 });
await fetchResult(image, join(folder, 'image.png'));
await fetchResult(video, join(folder, 'video.mp4'));
