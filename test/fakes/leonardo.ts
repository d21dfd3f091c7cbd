// A fake of Leonardo.Ai's Production API: as strict as its specification, with a storage host and a CDN of its own, and
// a switch for everything that can go wrong.
import { randomUUID } from 'node:crypto';
import { tinyMp4, tinyPng } from '../support/tiny-media.ts';
import { judgeOrder } from './leonardo-order.ts';
import { recorded, recordedBody } from './recording.ts';
import {
  badAnswer,
  formOf,
  mediaAnswer,
  startFake,
  type BadAnswer,
  type FakeAnswer,
  type FakeRequest,
} from './server.ts';

/** Its refusals, by the names of their recordings. */
type Refusal =
  | 'error-key'
  | 'error-hook'
  | 'error-moderation'
  | 'error-moderation-word'
  | 'error-tokens'
  | 'error-init-image'
  | 'error-extension'
  | 'error-model'
  | 'error-service'
  | 'error-service-words'
  | 'error-rate'
  | 'error-rate-later'
  | 'error-internal';

export type LeonardoFaults = {
  /** Instead of taking an order. */
  create: Refusal | BadAnswer | null;
  /** Instead of the answer to an order that was taken. */
  created: 'error-service' | 'error-service-words' | BadAnswer | null;
  poll:
    | 'failed'
    | 'no_output'
    | 'late_output'
    | 'film_late'
    | 'nsfw'
    | 'unknown_state'
    | 'foreign_host'
    | Refusal
    | BadAnswer
    | null;
  initImage: Refusal | BadAnswer | null;
  storage: 'expired' | BadAnswer | null;
  me: Refusal | BadAnswer | 'nobody' | null;
  list: Refusal | BadAnswer | null;
};

export type LeonardoFakeOptions = {
  /** What its clock says. */
  now: () => number;
  apiKey: string;
  /** A session instead of the key: both must be sent then. */
  session?: { token: string; cookie: string };
};

export type FakeGeneration = {
  id: string;
  model: string;
  prompt: string;
  width: number;
  height: number;
  seconds?: number;
  hasAudio?: boolean;
  createdAt: number;
  polls: number;
  isPublic: unknown;
  parameters: Record<string, unknown>;
};

type Envelope = { model: string; public: unknown; parameters: Record<string, unknown> };
export type LeonardoFake = Awaited<ReturnType<typeof startLeonardoFake>>;

const USER_ID = '0f5c4e2a-1b0d-4c5e-9a77-3d2e1f0a9b8c';
const POLLS_PENDING = 1;

export async function startLeonardoFake({ now, apiKey, session }: LeonardoFakeOptions) {
  const faults: LeonardoFaults = {
    create: null,
    created: null,
    poll: null,
    initImage: null,
    storage: null,
    me: null,
    list: null,
  };
  const how = {
    shape: 'nested' as 'nested' | 'flat' | 'data' | 'array',
    unit: 'DOLLARS' as 'DOLLARS' | 'CREDITS' | 'new' | 'none',
    fieldsAreText: true,
    knowsStrength: true,
  };
  const generations: FakeGeneration[] = [];
  /** Reference images: by id, with their bytes once they were stored. */
  const uploads = new Map<string, Uint8Array | null>();
  const deleted: string[] = [];
  const balances = { subscription: 1200, paid: 300 as number | null };

  const server = await startFake(async (request) => {
    const { pathname } = request.url;
    if (pathname === '/upload') return storeUpload(request);
    if (pathname.startsWith('/cdn/')) return output(request);
    if (!pathname.startsWith('/api/rest/')) return badAnswer('html', 403);
    if (!isKnown(request)) return recorded('leonardo/error-key');
    const route = `${request.method} ${pathname.slice('/api/rest'.length)}`;
    if (route === 'POST /v2/generations') return create(request);
    if (route === 'GET /v1/me') return me();
    if (route === 'POST /v1/init-image') return initImage(request);
    if (route.startsWith('DELETE /v1/init-image/')) return deleteImage(pathname.split('/').at(-1) ?? '');
    if (route === `GET /v1/generations/user/${USER_ID}`) return list(request);
    if (/^GET \/v1\/generations\/[^/]+$/.test(route)) return read(pathname.split('/').at(-1) ?? '');
    return recorded('leonardo/error-not-found');
  });

  function isKnown({ headers }: FakeRequest): boolean {
    if (session === undefined) return headers.get('authorization') === `Bearer ${apiKey}`;
    const isSession = headers.get('authorization') === `Bearer ${session.token}`;
    return isSession && headers.get('cookie') === session.cookie;
  }

  function create(request: FakeRequest): FakeAnswer {
    if (faults.create !== null) return refuse(faults.create);
    const wrong = judgeOrder(request.json, {
      ...how,
      hasUpload: (id) => uploads.get(id) instanceof Uint8Array,
    });
    if (wrong !== null) return recorded('leonardo/error-validation', { message: wrong });
    const { model, public: isPublic, parameters } = request.json as Envelope;
    const { prompt, width, height, duration, motion_has_audio } = parameters;
    const generation: FakeGeneration = {
      id: randomUUID(),
      model,
      prompt: String(prompt),
      width: Number(width),
      height: Number(height),
      ...(duration === undefined ? {} : { seconds: Number(duration), hasAudio: motion_has_audio !== false }),
      createdAt: now(),
      polls: 0,
      isPublic,
      parameters,
    };
    generations.push(generation);
    if (faults.created !== null) return refuse(faults.created);
    return accepted(generation.id);
  }

  function accepted(id: string): Response {
    if (how.shape === 'flat')
      return recorded('leonardo/create-flat', { id, credits: how.unit === 'none' ? null : 14 });
    const cost = { amount: '0.0147', unit: how.unit };
    const body = recordedBody('leonardo/create-nested', { id, ...cost }) as { generate: { cost: unknown } };
    if (how.unit === 'none') body.generate.cost = null;
    if (how.unit === 'new') body.generate.cost = 'free today';
    if (how.shape === 'data') return Response.json({ data: body });
    return Response.json(how.shape === 'array' ? [body] : body);
  }

  function read(id: string): FakeAnswer {
    if (faults.poll !== null && isAnswer(faults.poll)) return refuse(faults.poll);
    const generation = generations.find((known) => known.id === id);
    if (generation === undefined) return recorded('leonardo/generation-none');
    generation.polls++;
    return recorded('leonardo/generation', rowOf(generation));
  }

  function rowOf(generation: FakeGeneration): Record<string, unknown> {
    const { id, prompt, width, height, polls } = generation;
    const createdAt = new Date(generation.createdAt).toISOString().slice(0, -1);
    const isDone = polls > POLLS_PENDING;
    const status = !isDone
      ? 'PENDING'
      : faults.poll === 'failed'
        ? 'FAILED'
        : faults.poll === 'unknown_state'
          ? 'POLISHING'
          : 'COMPLETE';
    const images = status === 'COMPLETE' ? imagesOf(generation) : [];
    return { id, status, createdAt, prompt, width, height, images };
  }

  function imagesOf(generation: FakeGeneration): unknown[] {
    const isLate = generation.polls <= POLLS_PENDING + 2;
    if (faults.poll === 'no_output' || (faults.poll === 'late_output' && isLate)) return [];
    const host = faults.poll === 'foreign_host' ? 'https://files.example' : server.origin;
    const folder = `${host}/cdn/users/${USER_ID}/generations/${generation.id}`;
    const isFilm = generation.seconds !== undefined;
    const hasFilm = isFilm && !(faults.poll === 'film_late' && isLate);
    const values = {
      imageId: randomUUID(),
      url: `${folder}/still.png`,
      film: hasFilm ? `${folder}/film.mp4` : null,
      nsfw: faults.poll === 'nsfw',
    };
    return [recordedBody('leonardo/generated-image', values)];
  }

  function list({ url }: FakeRequest): FakeAnswer {
    if (faults.list !== null) return refuse(faults.list);
    const [offset, limit] = [Number(url.searchParams.get('offset')), Number(url.searchParams.get('limit'))];
    const newest = generations.toReversed().slice(offset, offset + limit);
    const rows = newest.map(
      (one) => recordedBody('leonardo/generation', rowOf(one)) as { generations_by_pk: unknown },
    );
    return recorded('leonardo/generations', { rows: rows.map((row) => row.generations_by_pk) });
  }

  function me(): FakeAnswer {
    if (faults.me === 'nobody') return Response.json({ user_details: [] });
    if (faults.me !== null) return refuse(faults.me);
    return recorded('leonardo/me', { userId: USER_ID, ...balances });
  }

  function initImage({ json }: FakeRequest): FakeAnswer {
    if (faults.initImage !== null) return refuse(faults.initImage);
    const { extension } = json as { extension?: unknown };
    if (!['png', 'jpg', 'jpeg', 'webp'].includes(String(extension)))
      return recorded('leonardo/error-extension');
    const id = randomUUID();
    uploads.set(id, null);
    const key = `uploads/users/${USER_ID}/initImages/${id}.${String(extension)}`;
    const fields = { 'Content-Type': `image/${String(extension)}`, key, 'X-Amz-Signature': 'f00d' };
    const given = how.fieldsAreText ? JSON.stringify(fields) : fields;
    return recorded('leonardo/init-image', { id, key, url: `${server.origin}/upload`, fields: given });
  }

  async function storeUpload(request: FakeRequest): Promise<FakeAnswer> {
    if (faults.storage === 'expired')
      return new Response('<Error><Code>AccessDenied</Code></Error>', { status: 403 });
    if (faults.storage !== null) return badAnswer(faults.storage, 500);
    if (request.headers.has('authorization')) return new Response('<Error/>', { status: 403 });
    const parts = await formOf(request);
    const last = parts.at(-1);
    const key = parts.find(({ name }) => name === 'key');
    if (last === undefined || last.name !== 'file' || !('file' in last))
      return new Response('', { status: 400 });
    if (key === undefined || !('text' in key) || !parts.some(({ name }) => name === 'X-Amz-Signature')) {
      return new Response('', { status: 403 });
    }
    const id = /initImages\/([^.]+)\./.exec(key.text)?.[1] ?? '';
    uploads.set(id, await last.file.bytes());
    return new Response(null, { status: 204 });
  }

  function deleteImage(id: string): Response {
    const isThere = uploads.delete(id);
    if (isThere) deleted.push(id);
    return isThere
      ? recorded('leonardo/init-image-deleted', { id })
      : Response.json({ delete_init_images_by_pk: null });
  }

  function output({ headers, url }: FakeRequest): FakeAnswer {
    if (headers.has('authorization') || headers.has('cookie')) return new Response('', { status: 400 });
    const [, , , , , id, file = ''] = url.pathname.split('/');
    const generation = generations.find((known) => known.id === id);
    if (generation === undefined) return new Response('', { status: 404 });
    const { width, height, seconds = 0, hasAudio = false } = generation;
    if (file.endsWith('.mp4')) return mediaAnswer(tinyMp4(width, height, { seconds, hasAudio }), 'video/mp4');
    return mediaAnswer(tinyPng(width, height), 'image/png');
  }

  return {
    ...server,
    baseUrl: `${server.origin}/api/rest`,
    faults,
    how,
    generations,
    uploads,
    deleted,
    balances,
    userId: USER_ID,
  };
}

function isAnswer(fault: NonNullable<LeonardoFaults['poll']>): fault is Refusal | BadAnswer {
  return ![
    'failed',
    'no_output',
    'late_output',
    'film_late',
    'nsfw',
    'unknown_state',
    'foreign_host',
  ].includes(fault);
}

function refuse(fault: Refusal | BadAnswer): FakeAnswer {
  if (fault === 'error-rate-later') {
    const answer = recorded('leonardo/error-rate');
    answer.headers.set('retry-after', '17');
    return answer;
  }
  return fault.startsWith('error-') ? recorded(`leonardo/${fault}`) : badAnswer(fault as BadAnswer);
}
