// Outputs: copied once from the provider to our own store, and believed only after a look at the bytes.
import type { Model } from '../catalog/index.ts';
import { deriveId, makeId } from '../ids.ts';
import { readImageHeader, readMp4Header, type Media, type StoredFile } from '../media/index.ts';
import type { Order, OutputContent, Provider, ProviderContext, ProviderOutput } from '../providers/index.ts';
import type { Clock, Instant } from '../runtime/clock.ts';
import type { Random } from '../runtime/random.ts';
import type { Attempt } from './attempt.ts';
import type { Job } from './job.ts';

export type StoredOutputs =
  | { kind: 'stored'; files: StoredFile[] }
  /** What the provider delivered is not what was ordered. */
  | { kind: 'invalid'; reason: string };

export type OutputSource = {
  job: Job;
  order: Order;
  attempt: Attempt;
  provider: Provider;
  context: ProviderContext;
};

/** The largest output that is stored: minutes of video, and far below what would fill a disk. */
const MAX_OUTPUT_BYTES = 1024 ** 3;
/** Enough for the colour profile and the metadata that some providers put in front of the pixels. */
const IMAGE_HEAD_BYTES = 4 * 1024 * 1024;

const KEPT = 'kept:';

/**
 * Stores what came with an answer under an id of its own until the job is stored; what nobody asks for any more is swept
 * up with the other orphans.
 */
export function createKeep(parts: { media: Media; clock: Clock; random: Random }): ProviderContext['keep'] {
  return async (role, bytes) => {
    const id = makeId('file', { now: parts.clock.now(), random: parts.random });
    if ((await parts.media.write(id, [bytes], MAX_OUTPUT_BYTES)) === null) {
      throw new Error('an output that is empty or too large');
    }
    return { role, url: `${KEPT}${id}` };
  };
}

/** Lets go of what was kept of an answer, once the job has it; what stays behind is swept up. */
export async function discardKept(media: Media, { outputs }: Attempt): Promise<void> {
  for (const { url } of outputs) {
    if (url.startsWith(KEPT)) await media.discard(url.slice(KEPT.length)).catch(() => undefined);
  }
}

async function openKept(media: Media, id: string): Promise<OutputContent> {
  const content = await media.open(id);
  if (content === null) throw new Error('what was kept of the answer is gone');
  return { pieces: content.stream() };
}

/** Stores everything that an attempt has delivered. Doing it again overwrites what an interrupted try left. */
export async function storeOutputs(
  media: Media,
  source: OutputSource,
  times: { now: Instant; deleteAt: Instant },
): Promise<StoredOutputs> {
  const files: StoredFile[] = [];
  const positions = { output: 0, poster: 0 };
  for (const [index, output] of source.attempt.outputs.entries()) {
    const id = deriveId('file', source.attempt.id, index);
    const described = await storeOutput(media, source, { id, output });
    if (typeof described === 'string') return { kind: 'invalid', reason: described };
    const { job } = source;
    files.push({
      id,
      customerId: job.customerId,
      jobId: job.id,
      role: output.role,
      position: positions[output.role]++,
      ...described,
      createdAt: times.now,
      deleteAt: times.deleteAt,
      deletedAt: null,
    });
  }
  return files.some((file) => file.role === 'output')
    ? { kind: 'stored', files }
    : { kind: 'invalid', reason: 'no output' };
}

type Described = Pick<StoredFile, 'contentType' | 'bytes' | 'sha256' | 'width' | 'height' | 'durationMs'>;

/** Stores one output; returns what it is, or in a few words why it cannot be delivered. */
async function storeOutput(
  media: Media,
  { job, order, provider, context }: OutputSource,
  { id, output }: { id: string; output: ProviderOutput },
): Promise<Described | string> {
  const content = output.url.startsWith(KEPT)
    ? await openKept(media, output.url.slice(KEPT.length))
    : await provider.openOutput(output, order, context);
  const written = await media.write(id, content.pieces, MAX_OUTPUT_BYTES);
  if (written === null) return 'an output that is empty or too large';
  const expected: Model['type'] = output.role === 'poster' ? 'image' : job.type;
  const described = await describe(media, id, expected);
  if (described === null) {
    await media.discard(id);
    return `an output that is no ${expected}`;
  }
  return { ...written, ...described };
}

async function describe(
  media: Media,
  id: string,
  expected: Model['type'],
): Promise<Omit<Described, 'bytes' | 'sha256'> | null> {
  const content = await media.open(id);
  if (content === null) return null;
  if (expected === 'image') {
    const header = readImageHeader(await content.slice(0, IMAGE_HEAD_BYTES).bytes(), content.size);
    return (
      header && {
        contentType: header.contentType,
        width: header.width,
        height: header.height,
        durationMs: null,
      }
    );
  }
  const header = await readMp4Header({
    size: content.size,
    read: (offset, length) => content.slice(offset, offset + length).bytes(),
  });
  return (
    header && {
      contentType: 'video/mp4',
      width: header.width,
      height: header.height,
      durationMs: header.durationMs,
    }
  );
}
