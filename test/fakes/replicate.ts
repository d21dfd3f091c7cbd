// A fake Replicate: predictions, their list, files, the account and the secret of its callbacks, and a switch for
// everything that can go wrong.
import { createHash, createHmac } from 'node:crypto';
import { tinyMp4, tinyPng } from '../support/tiny-media.ts';
import { recorded, recordedBody } from './recording.ts';
import { inputFault, replicateInputsOf } from './replicate-input.ts';
import {
  BAD_ANSWERS,
  badAnswer,
  formOf,
  mediaAnswer,
  startFake,
  type BadAnswer,
  type FakeAnswer,
  type FakeRequest,
} from './server.ts';

const REFUSALS = {
  bad_key: 'error-key',
  no_balance: 'error-balance',
  forbidden: 'error-forbidden',
  moderation: 'error-moderation',
  rate: 'error-rate',
  error_before: 'error-internal',
} as const;
const ERRORS = {
  failed: 'Prediction interrupted; please retry (code: PA)',
  moderated: 'The input or output was flagged as sensitive. Please try again with different inputs. (E005)',
  nsfw: 'NSFW content detected. Try running it again, or try a different prompt.',
} as const;

export type ReplicateFaults = {
  submit: keyof typeof REFUSALS | BadAnswer | 'error_after' | 'reset_before' | 'rate_with_hint' | null;
  upload: BadAnswer | 'error' | 'bad_key' | 'refused' | null;
  poll:
    | keyof typeof ERRORS
    | BadAnswer
    | 'error'
    | 'rate'
    | 'canceled'
    | 'aborted'
    | 'none'
    | 'removed'
    | 'unknown_state'
    | null;
  list: BadAnswer | 'without_inputs' | 'endless' | null;
  account: BadAnswer | 'error' | null;
};
type Job = {
  id: string;
  model: string;
  input: Record<string, unknown>;
  webhook: string | null;
  createdAt: string;
  polls: number;
  isCanceled: boolean;
};
type ReplicateCallback = { headers: Record<string, string>; body: Uint8Array };

export type FakeReplicate = {
  baseUrl: string;
  faults: ReplicateFaults;
  /** How many predictions it has really made, and the newest. */
  accepted: number;
  ordered: Job | null;
  uploaded: Uint8Array | null;
  /** When predictions are made, and when the first ones of the list were that are not ours. */
  now: () => number;
  secretFetches: number;
  callback(id: string, sentAt: number): ReplicateCallback;
  rotate(): void;
  close(): void;
};

const POLLS = 2;
const PAGE_SIZE = 3;
const NO_FAULTS: ReplicateFaults = { submit: null, upload: null, poll: null, list: null, account: null };

export async function startFakeReplicate(key: string): Promise<FakeReplicate> {
  const jobs: Job[] = [];
  const server = await startFake(answer);
  let secret = Buffer.from('the secret of the account');
  const fake: FakeReplicate = {
    baseUrl: `${server.origin}/v1`,
    faults: { ...NO_FAULTS },
    accepted: 0,
    ordered: null,
    uploaded: null,
    now: () => 1_800_000_000_000,
    secretFetches: 0,
    callback: (id, sentAt) => signed(viewOf({ ...blank(id), polls: POLLS + 1 }), sentAt, secret),
    rotate: () => void (secret = Buffer.from('another secret of the account')),
    close: server.close,
  };

  async function answer(request: FakeRequest): Promise<FakeAnswer> {
    const { pathname } = request.url;
    if (pathname.startsWith('/media/')) return media(pathname.slice('/media/'.length), request);
    if (request.headers.get('authorization') !== `Bearer ${key}`) return replay('error-key');
    const route = `${request.method} ${pathname.replace(/^\/v1/, '')}`;
    if (route === 'GET /account') return account();
    if (route === 'POST /files') return upload(request);
    if (route === 'GET /predictions') return list(request.url);
    if (route === 'GET /webhooks/default/secret') {
      fake.secretFetches++;
      return replay('secret', { key: `whsec_${secret.toString('base64')}` });
    }
    const model = /^POST \/models\/([\w.-]+\/[\w.-]+)\/predictions$/.exec(route)?.[1];
    if (model !== undefined) return order(model, request.json);
    const [, method, id, action] = /^(GET|POST) \/predictions\/(\w+)(\/cancel)?$/.exec(route) ?? [];
    const job = jobs.find((one) => one.id === id);
    if (job === undefined || (method === 'POST') !== (action === '/cancel')) return replay('error-not-found');
    return method === 'GET' ? poll(job) : cancel(job);
  }

  function order(model: string, json: unknown): FakeAnswer {
    const fault = fake.faults.submit;
    if (fault === 'reset_before') return 'reset';
    if (fault === 'rate_with_hint') {
      const limited = replay('error-rate');
      limited.headers.set('retry-after', '9');
      return limited;
    }
    if (fault !== null && Object.hasOwn(REFUSALS, fault))
      return replay(REFUSALS[fault as keyof typeof REFUSALS]);
    const known = replicateInputsOf(model);
    if (known === undefined) return replay('error-not-found');
    const { input, webhook = null, ...rest } = (json ?? {}) as Record<string, unknown>;
    const strange = Object.keys(rest).find((name) => name !== 'webhook_events_filter');
    const wrong = strange === undefined ? inputFault(known, input) : `- ${strange}: unknown field`;
    if (wrong !== null) return replay('error-input', { detail: wrong });
    const id = createHash('sha256').update(`${server.origin}${jobs.length}`).digest('hex').slice(0, 26);
    const job: Job = { ...blank(id), model, input: input as Job['input'], webhook: webhook as string | null };
    jobs.unshift(job);
    fake.accepted++;
    fake.ordered = job;
    if (fault === 'error_after') return replay('error-internal');
    return isBad(fault) ? badAnswer(fault, 201) : replay('starting', valuesOf(job));
  }

  function blank(id: string): Job {
    const createdAt = new Date(fake.now()).toISOString();
    return { id, model: '', input: {}, webhook: null, createdAt, polls: 0, isCanceled: false };
  }

  async function upload(request: FakeRequest): Promise<FakeAnswer> {
    const fault = fake.faults.upload;
    if (isBad(fault)) return badAnswer(fault, 201);
    if (fault === 'error') return replay('error-internal');
    if (fault === 'bad_key') return replay('error-key');
    const parts = await formOf(request).catch(() => []);
    const file = parts.flatMap((part) => ('file' in part && part.name === 'content' ? [part.file] : []))[0];
    if (file === undefined || fault === 'refused')
      return replay('error-input', { detail: '- content: is required' });
    fake.uploaded = await file.bytes();
    const sha256 = createHash('sha256').update(fake.uploaded).digest('hex');
    const url = `${fake.baseUrl}/files/${sha256.slice(0, 20)}`;
    return replay('file', { id: sha256.slice(0, 20), content_type: file.type, size: file.size, sha256, url });
  }

  function poll(job: Job): FakeAnswer {
    const fault = fake.faults.poll;
    if (isBad(fault)) return badAnswer(fault);
    if (fault === 'error') return replay('error-internal');
    if (fault === 'rate') return replay('error-rate');
    job.polls++;
    if (fault === 'unknown_state') return Response.json({ ...(viewOf(job) as object), status: 'dreaming' });
    const values = valuesOf(job);
    if (job.isCanceled || fault === 'canceled') return replay('canceled', values);
    if (fault === 'aborted' || fault === 'removed') return replay(fault, values);
    if (fault === 'none') return replay('succeeded', { ...values, output: [] });
    if (fault !== null) return replay('failed', { ...values, error: ERRORS[fault] });
    return Response.json(viewOf(job));
  }

  function cancel(job: Job): FakeAnswer {
    if (job.polls <= POLLS) job.isCanceled = true;
    return Response.json(viewOf(job));
  }

  function viewOf(job: Job): unknown {
    const values = valuesOf(job);
    if (job.isCanceled) return recordedBody('replicate/canceled', values);
    if (job.polls > POLLS) return recordedBody('replicate/succeeded', values);
    return recordedBody(job.polls === 0 ? 'replicate/starting' : 'replicate/processing', values);
  }

  function valuesOf({ id, model, input, createdAt }: Job) {
    const url = `${server.origin}/media/${id}`;
    const get = `${fake.baseUrl}/predictions/${id}`;
    const output = 'num_outputs' in input ? [url] : url;
    return { id, model, input, created_at: createdAt, get_url: get, cancel_url: `${get}/cancel`, output };
  }

  function rowOf(job: Job): unknown {
    const hidden = fake.faults.list === 'without_inputs' ? { input: {}, webhook: null } : {};
    return { ...(viewOf(job) as Record<string, unknown>), webhook: job.webhook, ...hidden };
  }

  function list(url: URL): FakeAnswer {
    const fault = fake.faults.list;
    if (isBad(fault)) return badAnswer(fault);
    const from = Number(url.searchParams.get('cursor') ?? 0);
    const results = jobs.slice(from, from + PAGE_SIZE).map(rowOf);
    const next = fault === 'endless' ? 0 : from + PAGE_SIZE < jobs.length ? from + PAGE_SIZE : null;
    // Its links name another host than ours, as behind a proxy.
    return replay('list', {
      results,
      next: next === null ? null : `https://api.replicate.com/v1/predictions?cursor=${next}`,
    });
  }

  function account(): FakeAnswer {
    const fault = fake.faults.account;
    if (fault === 'error') return replay('error-internal');
    return isBad(fault) ? badAnswer(fault) : replay('account');
  }

  function media(id: string, request: FakeRequest): FakeAnswer {
    const job = jobs.find((one) => one.id === id);
    const known = replicateInputsOf(job?.model ?? '');
    if (job === undefined || known === undefined || request.headers.has('authorization')) {
      return new Response(null, { status: 403 });
    }
    const [width, height] = known.pixels(job.input);
    const { duration, generate_audio: hasAudio } = job.input;
    if (duration === undefined) return mediaAnswer(tinyPng(width, height), 'image/png');
    return mediaAnswer(
      tinyMp4(width, height, { seconds: Number(duration), hasAudio: hasAudio === true }),
      'video/mp4',
    );
  }
  return fake;
}

function signed(view: unknown, sentAt: number, secret: Uint8Array): ReplicateCallback {
  const body = new TextEncoder().encode(JSON.stringify(view));
  const signature = createHmac('sha256', secret).update(`msg_1.${sentAt}.`).update(body).digest('base64');
  const headers = {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(sentAt),
    'webhook-signature': `v1,AAAA v1,${signature}`,
  };
  return { headers, body };
}

function isBad(fault: string | null): fault is BadAnswer {
  return BAD_ANSWERS.some((bad) => bad === fault);
}

function replay(name: string, values: Readonly<Record<string, unknown>> = {}): Response {
  return recorded(`replicate/${name}`, values);
}
