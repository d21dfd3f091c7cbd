// A fake Black Forest Labs: orders that lie in a region and are found nowhere else, credits, and signed callbacks; as
// strict about a request as the official specification, and with a switch for everything that can go wrong.
import { createHmac } from 'node:crypto';
import * as v from 'valibot';
import { tinyPng } from '../support/tiny-media.ts';
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

/** Answers to a request that nothing was done for. */
const REFUSALS = {
  bad_key: 'not-authenticated',
  no_credits: 'no-credits',
  busy: 'busy-without-hint',
  busy_with_hint: 'busy',
  policy: 'policy',
  overloaded: 'overloaded',
  error_before: 'server-error',
  no_model: 'no-model',
} as const;
const POLLS = {
  moderated_request: 'request-moderated',
  moderated_content: 'content-moderated',
  failed: 'error',
  bad_image: 'error-image',
  policy: 'error-policy',
  no_sample: 'ready-without-sample',
  unknown_state: 'unknown-status',
  not_found: 'not-found',
  not_found_at_all: 'no-model',
  busy: 'busy',
  bad_key: 'not-authenticated',
  error: 'server-error',
} as const;

export type SubmitFault =
  | keyof typeof REFUSALS
  | 'busy_with_header'
  | 'reset_before'
  | 'forbidden_page'
  | 'error_after'
  | 'bad_gateway'
  | 'no_id'
  | 'no_polling_url'
  | 'foreign_polling_url'
  | 'no_cost'
  | BadAnswer;
export type PollFault = keyof typeof POLLS | 'no_status' | BadAnswer;

export type FakeBfl = {
  origin: string;
  faults: { submit: SubmitFault | null; poll: PollFault | null; sample: 'gone' | null };
  /** How many orders were really taken. */
  accepted: number;
  ordered: { model: string; body: Record<string, unknown> } | null;
  /** What it would send to the callback URL of the newest order, or with another secret. */
  callback(sentAt: number, secret?: string): { headers: Record<string, string>; body: Uint8Array };
  close(): void;
};

const side = (least: number, step: number, most: number) =>
  v.optional(v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most), v.multipleOf(step)));
const picture = v.optional(v.pipe(v.string(), v.minLength(1), v.base64()));
const common = {
  prompt: v.pipe(v.string(), v.minLength(1)),
  seed: v.optional(v.nullable(v.pipe(v.number(), v.integer()))),
  safety_tolerance: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(6))),
  output_format: v.optional(v.picklist(['jpeg', 'png'])),
  webhook_url: v.optional(v.pipe(v.string(), v.url())),
  webhook_secret: v.optional(v.string()),
};
const flux2 = v.pipe(
  v.strictObject({ ...common, width: side(64, 16, 4096), height: side(64, 16, 4096), input_image: picture }),
  v.check(({ width = 1024, height = 1024 }) => width * height <= 2048 ** 2, 'more than 4 megapixels'),
);
const pixels = v.strictObject({ ...common, width: side(256, 32, 1440), height: side(256, 32, 1440) });
const ratio = v.optional(v.pipe(v.string(), v.regex(/^\d{1,2}:\d{1,2}$/)));
const kontext = v.strictObject({ ...common, aspect_ratio: ratio, input_image: picture });
const ultra = v.strictObject({ ...common, aspect_ratio: ratio, raw: v.optional(v.boolean()) });
type Sized = { width?: number | undefined; height?: number | undefined; aspect_ratio?: string | undefined };
const ORDERS: Readonly<Record<string, v.GenericSchema<unknown, Sized>>> = {
  'flux-2-pro': flux2,
  'flux-2-max': flux2,
  'flux-2-flex': flux2,
  'flux-2-klein-4b': flux2,
  'flux-2-klein-9b': flux2,
  'flux-kontext-pro': kontext,
  'flux-kontext-max': kontext,
  'flux-pro-1.1-ultra': ultra,
  'flux-pro-1.1': pixels,
  'flux-dev': pixels,
};

/** The path of the one region that has the orders; at the address that everybody knows nobody has heard of them. */
const REGION = '/eu2';
const CREDITS = 4123.5;

/** `pixelsOf` gives the pixels that a model makes of a ratio. */
export async function startFakeBfl(
  key: string,
  pixelsOf: (model: string, ratio: string) => readonly [number, number],
): Promise<FakeBfl> {
  const tasks = new Map<string, { width: number; height: number; polls: number }>();
  const server = await startFake(answer);
  const fake: FakeBfl = {
    origin: server.origin,
    faults: { submit: null, poll: null, sample: null },
    accepted: 0,
    ordered: null,
    callback,
    close: server.close,
  };

  function answer(request: FakeRequest): FakeAnswer {
    const path = request.url.pathname;
    const { submit } = fake.faults;
    if (path.startsWith('/results/')) return sample(request);
    if (request.headers.get('x-key') !== key) return replay('not-authenticated');
    if (path.endsWith('/v1/get_result')) return poll(request.url);
    if (submit === 'reset_before') return 'reset';
    if (submit === 'forbidden_page') return badAnswer('html', 403);
    if (submit === 'busy_with_header') {
      const refused = replay('busy-without-hint');
      refused.headers.set('retry-after', '9');
      return refused;
    }
    if (submit !== null && isRefusal(submit)) return replay(REFUSALS[submit]);
    if (path === '/v1/credits')
      return isBad(submit) ? badAnswer(submit) : replay('credits', { credits: CREDITS });
    return order(path.slice('/v1/'.length), request);
  }

  function order(model: string, { method, json }: FakeRequest): FakeAnswer {
    const schema = Object.hasOwn(ORDERS, model) ? ORDERS[model] : undefined;
    if (schema === undefined || method !== 'POST') return replay('no-model');
    const read = v.safeParse(schema, json);
    if (!read.success) {
      const [issue] = read.issues;
      return replay('invalid', { loc: ['body', v.getDotPath(issue)], msg: issue.message });
    }
    const { width = 1024, height = 1024, aspect_ratio: ratio } = read.output;
    const [across, down] = ratio === undefined ? [width, height] : pixelsOf(model, ratio);
    fake.accepted++;
    fake.ordered = { model, body: json as Record<string, unknown> };
    const id = `task-${fake.accepted}`;
    tasks.set(id, { width: across, height: down, polls: 0 });
    return taken(id);
  }

  function taken(id: string): FakeAnswer {
    const fault = fake.faults.submit;
    if (isBad(fault)) return badAnswer(fault);
    if (fault === 'error_after') return replay('server-error');
    if (fault === 'bad_gateway') return badAnswer('html', 502);
    if (fault === 'no_id') return Response.json({ polling_url: fake.origin });
    const webhookUrl = fake.ordered?.body['webhook_url'];
    const cost = fault === 'no_cost' ? null : 4.5;
    if (webhookUrl !== undefined) return replay('taken-with-webhook', { id, webhook_url: webhookUrl, cost });
    const host = fault === 'foreign_polling_url' ? 'https://bfl.ai.example.com' : fake.origin;
    const url = fault === 'no_polling_url' ? null : `${host}${REGION}/v1/get_result?id=${id}`;
    return replay('taken', { id, polling_url: url, cost });
  }

  function poll({ pathname, searchParams }: URL): FakeAnswer {
    const id = searchParams.get('id') ?? '';
    const task = pathname.startsWith(REGION) ? tasks.get(id) : undefined;
    if (task === undefined) return replay('not-found', { id });
    const fault = fake.faults.poll;
    if (task.polls++ === 0) return replay('pending', { id });
    if (isBad(fault)) return badAnswer(fault);
    if (fault === 'no_status') return Response.json({ id });
    const name = fault === null ? 'ready' : POLLS[fault];
    return replay(name, { id, sample: sampleOf(id) });
  }

  /** Storage that wants the signature in the link, and refuses who shows a key. */
  function sample({ url, headers }: FakeRequest): FakeAnswer {
    const task = tasks.get(/^\/results\/(task-\d+)\.png$/.exec(url.pathname)?.[1] ?? '');
    const isAllowed = url.searchParams.get('sig') === 'signed' && !headers.has('x-key');
    if (!isAllowed || fake.faults.sample === 'gone' || task === undefined) {
      return new Response('<Error><Code>AuthenticationFailed</Code></Error>', { status: 403 });
    }
    return mediaAnswer(tinyPng(task.width, task.height), 'image/png');
  }

  const sampleOf = (id: string) => `${fake.origin}/results/${id}.png?sig=signed`;

  function callback(sentAt: number, secret = String(fake.ordered?.body['webhook_secret'])) {
    const id = `task-${fake.accepted}`;
    const timestamp = new Date(sentAt).toISOString();
    const body = Buffer.from(
      JSON.stringify(recordedBody('bfl/callback', { id, sample: sampleOf(id), timestamp })),
    );
    const signature = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
    return { headers: { 'x-bfl-signature': signature }, body: new Uint8Array(body) };
  }
  return fake;
}

function isRefusal(fault: SubmitFault): fault is keyof typeof REFUSALS {
  return Object.hasOwn(REFUSALS, fault);
}

function isBad(fault: string | null): fault is BadAnswer {
  return BAD_ANSWERS.some((bad) => bad === fault);
}

function replay(name: string, values: Readonly<Record<string, unknown>> = {}): Response {
  return recorded(`bfl/${name}`, values);
}
