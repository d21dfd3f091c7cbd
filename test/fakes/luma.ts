// A fake Luma: generations, their list and the credits, strict about what its client's types say, and a switch for
// everything that can go wrong.
import { FILM_SIZES } from '../../src/providers/sizes.ts';
import { tinyMp4, tinyPng } from '../support/tiny-media.ts';
import { recorded, recordedBody } from './recording.ts';
import {
  BAD_ANSWERS,
  badAnswer,
  mediaAnswer,
  startFake,
  type BadAnswer,
  type FakeAnswer,
  type FakeRequest,
} from './server.ts';

const REFUSALS = {
  bad_key: 'error-key',
  no_balance: 'error-balance',
  moderation: 'error-moderation',
  rate: 'error-rate',
  error_before: 'error-internal',
} as const;
const REASONS = {
  failed: 'The generation did not complete.',
  moderated: 'Frame moderation failed: the content is not allowed.',
} as const;

export type LumaFaults = {
  submit: keyof typeof REFUSALS | BadAnswer | 'error_after' | 'reset_before' | 'rate_with_hint' | null;
  poll: keyof typeof REASONS | BadAnswer | 'error' | 'rate' | 'none' | 'unknown_state' | null;
  list: BadAnswer | 'oldest_first' | 'without_requests' | 'endless' | null;
  credits: BadAnswer | 'error' | null;
};
type Job = {
  id: string;
  type: 'image' | 'video';
  request: Record<string, unknown>;
  createdAt: string;
  polls: number;
};

export type FakeLuma = {
  baseUrl: string;
  faults: LumaFaults;
  /** How many generations it has really made, and what was asked for the newest. */
  accepted: number;
  ordered: Record<string, unknown> | null;
  now: () => number;
  /** What it sends to a callback URL. */
  callback(id: string): { headers: Record<string, string>; body: Uint8Array };
  close(): void;
};

type Rule = (value: unknown) => boolean;
const oneOf =
  (...words: unknown[]): Rule =>
  (value) =>
    words.includes(value);
const text: Rule = (value) => typeof value === 'string' && value.length >= 3 && value.length <= 5000;
const link: Rule = (value) => typeof value === 'string' && value.startsWith('https://');
const COMMON = {
  prompt: text,
  aspect_ratio: oneOf('1:1', '16:9', '9:16', '4:3', '3:4', '21:9', '9:21'),
  callback_url: link,
};
const RULES: Readonly<Record<Job['type'], Record<string, Rule>>> = {
  image: { ...COMMON, model: oneOf('photon-1', 'photon-flash-1'), format: oneOf('jpg', 'png') },
  video: {
    ...COMMON,
    model: oneOf('ray-2', 'ray-flash-2'),
    duration: oneOf('5s', '9s'),
    resolution: oneOf('540p', '720p', '1080p', '4k'),
  },
};

const POLLS = 2;
const NO_FAULTS: LumaFaults = { submit: null, poll: null, list: null, credits: null };

export async function startFakeLuma(key: string): Promise<FakeLuma> {
  const jobs: Job[] = [];
  const server = await startFake(answer);
  const fake: FakeLuma = {
    baseUrl: server.origin,
    faults: { ...NO_FAULTS },
    accepted: 0,
    ordered: null,
    now: () => 1_800_000_000_000,
    callback: (id) => {
      const job: Job = {
        id,
        type: 'image',
        request: {},
        createdAt: new Date(fake.now()).toISOString(),
        polls: 9,
      };
      return { headers: {}, body: new TextEncoder().encode(JSON.stringify(viewOf(job))) };
    },
    close: server.close,
  };

  function answer(request: FakeRequest): FakeAnswer {
    const { pathname } = request.url;
    if (pathname.startsWith('/media/')) return media(pathname.slice('/media/'.length), request);
    if (request.headers.get('authorization') !== `Bearer ${key}`) return replay('error-key');
    const route = `${request.method} ${pathname.replace('/dream-machine/v1', '')}`;
    if (route === 'GET /credits') {
      const fault = fake.faults.credits;
      return fault === 'error'
        ? replay('error-internal')
        : isBad(fault)
          ? badAnswer(fault)
          : replay('credits');
    }
    if (route === 'POST /generations/image') return order('image', request.json);
    if (route === 'POST /generations/video') return order('video', request.json);
    if (route === 'GET /generations') return list(request.url);
    const job = jobs.find(({ id }) => route === `GET /generations/${id}`);
    return job === undefined ? replay('error-not-found') : poll(job);
  }

  function order(type: Job['type'], json: unknown): FakeAnswer {
    const fault = fake.faults.submit;
    if (fault === 'reset_before') return 'reset';
    if (fault === 'rate_with_hint') {
      const limited = replay('error-rate');
      limited.headers.set('retry-after', '9');
      return limited;
    }
    if (fault !== null && Object.hasOwn(REFUSALS, fault))
      return replay(REFUSALS[fault as keyof typeof REFUSALS]);
    const request = (json ?? {}) as Record<string, unknown>;
    if (!('model' in request) || !('prompt' in request))
      return replay('error-input', { detail: 'a field is missing' });
    const wrong = Object.entries(request).find(([name, value]) => RULES[type][name]?.(value) !== true);
    if (wrong !== undefined)
      return replay('error-input', { detail: `${wrong[0]}: wrong value or unknown field` });
    const id = `5f3a1c0e-9d5c-4a54-8f0e-${String(jobs.length).padStart(12, '0')}`;
    const job: Job = {
      id,
      type,
      request,
      createdAt: new Date(fake.now() + jobs.length).toISOString(),
      polls: 0,
    };
    jobs.unshift(job);
    fake.accepted++;
    fake.ordered = request;
    if (fault === 'error_after') return replay('error-internal');
    return isBad(fault) ? badAnswer(fault, 201) : replay('queued', valuesOf(job));
  }

  function poll(job: Job): FakeAnswer {
    const fault = fake.faults.poll;
    if (isBad(fault)) return badAnswer(fault);
    if (fault === 'error') return replay('error-internal');
    if (fault === 'rate') return replay('error-rate');
    job.polls++;
    const values = valuesOf(job);
    if (fault === 'unknown_state') return Response.json({ ...(viewOf(job) as object), state: 'waking' });
    if (fault === 'none') return replay('completed', { ...values, image: null, video: null });
    if (fault !== null) return replay('failed', { ...values, reason: REASONS[fault] });
    return Response.json(viewOf(job));
  }

  function viewOf(job: Job): unknown {
    const state = job.polls === 0 ? 'queued' : job.polls > POLLS ? 'completed' : 'dreaming';
    return recordedBody(`luma/${state}`, valuesOf(job));
  }

  function valuesOf({ id, type, request, createdAt }: Job) {
    const url = `${server.origin}/media/${id}`;
    const model = request['model'] ?? 'photon-1';
    return {
      id,
      type,
      request,
      model,
      created_at: createdAt,
      image: url,
      video: type === 'video' ? url : null,
    };
  }

  function list(url: URL): FakeAnswer {
    const fault = fake.faults.list;
    if (isBad(fault)) return badAnswer(fault);
    const [limit, offset] = [Number(url.searchParams.get('limit')), Number(url.searchParams.get('offset'))];
    const rows = fault === 'oldest_first' ? jobs.toReversed() : jobs;
    const page = fault === 'endless' ? rows : rows.slice(offset, offset + limit);
    const hidden = fault === 'without_requests' ? { request: {} } : {};
    const generations = page.map((job) => Object.assign({}, viewOf(job), hidden));
    const hasMore = fault === 'endless' || offset + limit < jobs.length;
    return replay('list', { generations, has_more: hasMore, count: jobs.length, limit, offset });
  }

  function media(id: string, request: FakeRequest): FakeAnswer {
    const job = jobs.find((one) => one.id === id);
    if (job === undefined || request.headers.has('authorization')) return new Response(null, { status: 403 });
    const { aspect_ratio: ratio, resolution = '1080p', duration = '' } = job.request;
    const size = [...FILM_SIZES].find(
      ([, named]) => named.ratio === ratio && named.resolution === resolution,
    )?.[0];
    const [width = 0, height = 0] = (size ?? '').split('x').map(Number);
    if (job.type === 'image') return mediaAnswer(tinyPng(width, height), 'image/png');
    const seconds = Number.parseInt(duration as string, 10);
    return mediaAnswer(tinyMp4(width, height, { seconds, hasAudio: false }), 'video/mp4');
  }
  return fake;
}

function isBad(fault: string | null): fault is BadAnswer {
  return BAD_ANSWERS.some((bad) => bad === fault);
}

function replay(name: string, values: Readonly<Record<string, unknown>> = {}): Response {
  return recorded(`luma/${name}`, values);
}
