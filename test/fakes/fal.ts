// A fake fal: the queue in front of its models, its platform API and the keys of its callbacks, all at one address, and
// a switch for everything that can go wrong.
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { tinyMp4, tinyPng } from '../support/tiny-media.ts';
import { falInputOf, type FalInput } from './fal-input.ts';
import { recorded } from './recording.ts';
import {
  BAD_ANSWERS,
  badAnswer,
  mediaAnswer,
  startFake,
  type BadAnswer,
  type FakeAnswer,
  type FakeRequest,
} from './server.ts';

/** Refused before anything is taken, and ended badly after that: the recordings that are answered. */
const REFUSALS = {
  bad_key: 'error-key',
  forbidden: 'error-forbidden',
  no_balance: 'error-locked',
  moderation: 'error-moderation',
  rate: 'error-rate',
  error_before: 'error-internal',
} as const;
const BAD_RESULTS = {
  moderated: 'error-moderation',
  bad_image: 'error-image',
  broken: 'error-internal',
  no_media: 'error-no-media',
  timed_out: 'error-timeout',
  cancelled: 'error-cancelled',
  gone: 'error-not-found',
  limited: 'error-rate',
} as const;

type Taken = BadAnswer | 'error_after' | 'service_after';
export type FalFaults = {
  submit: keyof typeof REFUSALS | Taken | 'reset_before' | 'rate_with_hint' | null;
  status: BadAnswer | 'error' | 'rate_with_hint' | 'unknown_state' | 'queued_far' | 'says_error' | null;
  result: keyof typeof BAD_RESULTS | BadAnswer | 'none' | 'flagged' | null;
  platform: 'bad_key' | 'not_admin' | 'locked_out' | BadAnswer | null;
};
type Job = {
  app: string;
  polls: number;
  isCancelled: boolean;
  endpoint: string;
  input: Record<string, unknown>;
};
type FalCallback = { headers: Record<string, string>; body: Uint8Array };

export type FakeFal = {
  baseUrl: string;
  faults: FalFaults;
  /** How many requests it has really taken, and the newest. */
  accepted: number;
  ordered: { endpoint: string; input: Record<string, unknown>; webhook: string | null } | null;
  /** How often its keys were fetched, and a callback that is signed with them at an instant in seconds. */
  keyFetches: number;
  callback(requestId: string, sentAt: number): FalCallback;
  /** Signs with another key from now on. */
  rotate(): void;
  close(): void;
};

const POLLS = 2;
const NO_FAULTS: FalFaults = { submit: null, status: null, result: null, platform: null };

export async function startFakeFal(key: string): Promise<FakeFal> {
  const jobs = new Map<string, Job>();
  const server = await startFake(answer);
  let keys = generateKeyPairSync('ed25519');
  const fake: FakeFal = {
    baseUrl: server.origin,
    faults: { ...NO_FAULTS },
    accepted: 0,
    ordered: null,
    keyFetches: 0,
    callback: (requestId, sentAt) => signed(requestId, sentAt, keys.privateKey),
    rotate: () => void (keys = generateKeyPairSync('ed25519')),
    close: server.close,
  };

  async function answer(request: FakeRequest): Promise<FakeAnswer> {
    const path = request.url.pathname.slice(1);
    if (path === '.well-known/jwks.json') {
      fake.keyFetches++;
      return replay('keys', { x: keys.publicKey.export({ format: 'jwk' }).x });
    }
    if (path.startsWith('media/')) return media(path.slice('media/'.length), request);
    const isOurs = request.headers.get('authorization') === `Key ${key}`;
    if (path.startsWith('v1/')) return platform(path, isOurs);
    if (!isOurs) return replay('error-key');
    const found = /^(.+)\/requests\/([\w-]+)(\/status|\/cancel)?$/.exec(path);
    if (found === null) return request.method === 'POST' ? order(path, request) : notFound();
    const [, app, id = '', action = ''] = found;
    const job = jobs.get(id);
    if (job === undefined || job.app !== app) {
      return action === '/cancel' ? replay('cancel-unknown') : notFound();
    }
    if (action === '/cancel') return request.method === 'PUT' ? cancel(job) : notFound();
    return action === '/status' ? statusOf(id, job) : resultOf(id, job);
  }

  function order(endpoint: string, { url, json }: FakeRequest): FakeAnswer {
    const fault = fake.faults.submit;
    if (fault === 'reset_before') return 'reset';
    if (fault === 'rate_with_hint') return withHint(replay('error-rate'));
    if (fault !== null && Object.hasOwn(REFUSALS, fault))
      return replay(REFUSALS[fault as keyof typeof REFUSALS]);
    const known = falInputOf(endpoint);
    if (known === undefined)
      return replay('error-not-found', { detail: `Application '${endpoint}' not found` });
    const wrong = faultOf(known, json);
    if (wrong !== null) return wrong;
    for (const name of url.searchParams.keys())
      if (name !== 'fal_webhook') return invalid(name, 'extra_forbidden');
    const input = json as Record<string, unknown>;
    const id = `req-${String(jobs.size).padStart(4, '0')}-${server.origin.split(':').at(-1)}`;
    const app = endpoint.split('/').slice(0, 2).join('/');
    jobs.set(id, { app, polls: 0, isCancelled: false, endpoint, input });
    fake.accepted++;
    fake.ordered = { endpoint, input, webhook: url.searchParams.get('fal_webhook') };
    if (fault === 'error_after') return replay('error-internal');
    if (fault === 'service_after') return replay('error-service');
    return isBad(fault) ? badAnswer(fault) : replay('submitted', urlsOf(id, app));
  }

  function statusOf(id: string, job: Job): FakeAnswer {
    const fault = fake.faults.status;
    if (fault === 'error') return replay('error-internal');
    if (fault === 'rate_with_hint') return withHint(replay('error-rate'));
    if (isBad(fault)) return badAnswer(fault);
    job.polls++;
    const urls = urlsOf(id, job.app);
    if (fault === 'queued_far') return replay('queued', { ...urls, queue_position: 900 });
    if (fault === 'unknown_state') return Response.json({ status: 'DREAMING', request_id: id });
    if (fault === 'says_error') {
      return replay('completed-with-error', {
        ...urls,
        error: 'Request timed out',
        error_type: 'request_timeout',
      });
    }
    if (job.polls === 1 && !job.isCancelled) return replay('queued', { ...urls, queue_position: 1 });
    return replay(job.polls > POLLS || job.isCancelled ? 'completed' : 'running', urls);
  }

  function resultOf(id: string, job: Job): FakeAnswer {
    const fault = fake.faults.result;
    if (job.isCancelled) return replay('error-cancelled');
    if (fault === 'none') return replay('images-none');
    if (isBad(fault)) return badAnswer(fault);
    if (fault !== null && Object.hasOwn(BAD_RESULTS, fault)) {
      return replay(BAD_RESULTS[fault as keyof typeof BAD_RESULTS], { detail: 'Request not found' });
    }
    const { width, height } = falInputOf(job.endpoint)?.pixels(job.input) ?? { width: 1, height: 1 };
    const url = `${server.origin}/media/${id}`;
    if (job.input['duration'] !== undefined) return replay('video', { url, file_size: 1000 });
    return replay('images', { url, width, height, flags: [fault === 'flagged'] });
  }

  function cancel(job: Job): FakeAnswer {
    if (job.polls > POLLS) return replay('cancel-late');
    job.isCancelled = true;
    return replay('cancel-requested');
  }

  function media(id: string, request: FakeRequest): FakeAnswer {
    const job = jobs.get(id);
    if (job === undefined || request.headers.has('authorization')) return new Response(null, { status: 403 });
    const { width, height } = falInputOf(job.endpoint)?.pixels(job.input) ?? { width: 1, height: 1 };
    const { duration, generate_audio: hasAudio = true } = job.input;
    if (duration === undefined) return mediaAnswer(tinyPng(width, height), 'image/png');
    const seconds = Number.parseInt(JSON.stringify(duration).replaceAll('"', ''), 10);
    return mediaAnswer(tinyMp4(width, height, { seconds, hasAudio: hasAudio === true }), 'video/mp4');
  }

  function platform(path: string, isOurs: boolean): FakeAnswer {
    const fault = fake.faults.platform;
    if (isBad(fault)) return badAnswer(fault);
    if (!isOurs || fault === 'bad_key') return replay('platform-key');
    if (path === 'v1/account/billing') return replay(fault === null ? 'billing' : 'billing-forbidden');
    if (path !== 'v1/models/pricing') return notFound();
    return replay(fault === 'locked_out' ? 'billing-forbidden' : 'pricing');
  }

  function urlsOf(id: string, app: string) {
    const response = `${server.origin}/${app}/requests/${id}`;
    return {
      request_id: id,
      response_url: response,
      status_url: `${response}/status`,
      cancel_url: `${response}/cancel`,
    };
  }
  return fake;
}

function faultOf({ fields, required }: FalInput, json: unknown): FakeAnswer | null {
  if (typeof json !== 'object' || json === null) return invalid('body', 'missing');
  const missing = required.find((name) => !(name in json));
  if (missing !== undefined) return invalid(missing, 'missing');
  for (const [name, value] of Object.entries(json)) {
    if (fields[name] === undefined) return invalid(name, 'extra_forbidden');
    if (!fields[name](value)) return invalid(name, 'literal_error');
  }
  return null;
}

function signed(requestId: string, sentAt: number, key: Parameters<typeof sign>[2]): FalCallback {
  const told = {
    request_id: requestId,
    gateway_request_id: requestId,
    status: 'OK',
    payload: { images: [] },
  };
  const body = new TextEncoder().encode(JSON.stringify(told));
  const message = [
    requestId,
    'user-of-the-operator',
    sentAt,
    createHash('sha256').update(body).digest('hex'),
  ].join('\n');
  return {
    headers: {
      'x-fal-webhook-request-id': requestId,
      'x-fal-webhook-user-id': 'user-of-the-operator',
      'x-fal-webhook-timestamp': String(sentAt),
      'x-fal-webhook-signature': sign(null, Buffer.from(message), key).toString('hex'),
    },
    body,
  };
}

function invalid(field: string, type: string): FakeAnswer {
  return replay('error-validation', { field, type, message: `wrong: ${type}`, input: null });
}

function notFound(): FakeAnswer {
  return replay('error-not-found', { detail: 'Request not found' });
}

function withHint(response: Response): Response {
  response.headers.set('retry-after', '7');
  return response;
}

function isBad(fault: string | null): fault is BadAnswer {
  return BAD_ANSWERS.some((bad) => bad === fault);
}

function replay(name: string, values: Readonly<Record<string, unknown>> = {}): Response {
  return recorded(`fal/${name}`, values);
}
