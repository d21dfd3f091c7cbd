// A fake Runway: tasks at their three paths, uploads and the organization, strict about the header of its version, and a
// switch for everything that can go wrong.
import { tinyMp4, tinyPng } from '../support/tiny-media.ts';
import { recorded } from './recording.ts';
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
  moderation: 'error-moderation',
  rate: 'error-rate',
  error_before: 'error-internal',
} as const;
/** The codes with which a task fails. */
const FAILURES = {
  failed: 'INTERNAL',
  bad_output: 'INTERNAL.BAD_OUTPUT.CODE01',
  moderated_input: 'SAFETY.INPUT.TEXT',
  moderated_output: 'SAFETY.OUTPUT.VIDEO',
  moderated_early: 'INPUT_PREPROCESSING.SAFETY.TEXT',
  bad_asset: 'ASSET.INVALID',
  third_party: 'THIRD_PARTY.UNAVAILABLE',
} as const;

export type RunwayFaults = {
  submit:
    | keyof typeof REFUSALS
    | BadAnswer
    | 'error_after'
    | 'overloaded_after'
    | 'reset_before'
    | 'rate_with_hint'
    | null;
  upload: BadAnswer | 'bad_key' | 'error' | 'storage' | null;
  poll:
    | keyof typeof FAILURES
    | BadAnswer
    | 'error'
    | 'rate'
    | 'throttled'
    | 'cancelled'
    | 'none'
    | 'unknown_state'
    | null;
  organization: BadAnswer | 'error' | null;
};
type Task = { path: string; body: Record<string, unknown>; polls: number };

export type FakeRunway = {
  baseUrl: string;
  faults: RunwayFaults;
  /** How many tasks it has really made, the newest, and how many were deleted. */
  accepted: number;
  ordered: { path: string; body: Record<string, unknown> } | null;
  deleted: number;
  uploaded: Uint8Array | null;
  close(): void;
};

type Rule = (value: unknown) => boolean;
const oneOf =
  (...words: unknown[]): Rule =>
  (value) =>
    words.includes(value);
const text: Rule = (value) => typeof value === 'string' && value.length > 0 && value.length <= 3500;
const short: Rule = (value) => text(value) && String(value).length <= 1000;
const flag: Rule = (value) => typeof value === 'boolean';
const seed: Rule = (value) => Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 32;
const uri: Rule = (value) =>
  typeof value === 'string' &&
  /^(https:|runway:|data:image\/\w+;base64,)/.test(value) &&
  value.length <= 5_000_000;
const uris: Rule = (value) =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((item: unknown) => typeof item === 'object' && item !== null && 'uri' in item && uri(item.uri));
const seconds =
  (least: number, most: number): Rule =>
  (value) =>
    Number.isInteger(value) && Number(value) >= least && Number(value) <= most;

const FRAMED = oneOf('1280:720', '720:1280', '1104:832', '960:960', '832:1104', '1584:672');
const STILLS = oneOf(
  ...['1024:1024', '1080:1080', '1168:880', '1360:768', '1440:1080', '1080:1440', '1808:768', '1920:1080'],
  ...['1080:1920', '2112:912', '1280:720', '720:1280', '720:720', '960:720', '720:960', '1680:720'],
);
const SMALL = [
  ...['992:432', '864:496', '752:560', '640:640', '560:752', '496:864'],
  ...['1470:630', '1280:720', '1112:834', '960:960', '834:1112', '720:1280'],
];
const LARGE = [
  ...['2206:946', '1920:1080', '1664:1248', '1440:1440', '1248:1664', '1080:1920'],
  ...['3840:1646', '3840:2160', '3840:2880', '3840:3840', '2880:3840', '2160:3840'],
];
const GEN = { promptText: short, seed };
const VEO = {
  ...GEN,
  ratio: oneOf('1280:720', '720:1280', '1080:1920', '1920:1080'),
  audio: flag,
  duration: oneOf(4, 6, 8),
};
const seedance = (...ratios: string[]) => {
  return {
    promptText: text,
    seed,
    audio: flag,
    duration: seconds(4, 15),
    ratio: oneOf(...ratios),
    references: uris,
  };
};
type Rules = { fields: Record<string, Rule>; required: string[] };
/** By path and model. */
const RULES: Readonly<Record<string, Rules>> = {
  'text_to_video gen4.5': {
    fields: { ...GEN, ratio: oneOf('1280:720', '720:1280'), duration: seconds(2, 10) },
    required: ['ratio', 'duration', 'promptText'],
  },
  'image_to_video gen4.5': {
    fields: { ...GEN, ratio: FRAMED, duration: seconds(2, 10), promptImage: uri },
    required: ['ratio', 'duration', 'promptText', 'promptImage'],
  },
  'image_to_video gen4_turbo': {
    fields: { ...GEN, ratio: FRAMED, duration: seconds(2, 10), promptImage: uri },
    required: ['ratio', 'promptImage'],
  },
  'text_to_image gen4_image': {
    fields: { ...GEN, ratio: STILLS, referenceImages: uris },
    required: ['ratio', 'promptText'],
  },
  'text_to_image gen4_image_turbo': {
    fields: { ...GEN, ratio: STILLS, referenceImages: uris },
    required: ['ratio', 'promptText', 'referenceImages'],
  },
  'text_to_video veo3.1': { fields: VEO, required: ['ratio', 'promptText'] },
  'text_to_video veo3.1_fast': { fields: VEO, required: ['ratio', 'promptText'] },
  'image_to_video veo3.1': { fields: { ...VEO, promptImage: uri }, required: ['ratio', 'promptImage'] },
  'image_to_video veo3.1_fast': { fields: { ...VEO, promptImage: uri }, required: ['ratio', 'promptImage'] },
  'text_to_video seedance2': { fields: seedance(...SMALL, ...LARGE), required: ['promptText'] },
  'text_to_video seedance2_fast': { fields: seedance(...SMALL), required: ['promptText'] },
  'text_to_video seedance2_mini': { fields: seedance(...SMALL), required: ['promptText'] },
};

const POLLS = 2;
const CREDITS = 25;
const NO_FAULTS: RunwayFaults = { submit: null, upload: null, poll: null, organization: null };

export async function startFakeRunway(key: string): Promise<FakeRunway> {
  const tasks = new Map<string, Task>();
  const server = await startFake(answer);
  const fake: FakeRunway = {
    baseUrl: server.origin,
    faults: { ...NO_FAULTS },
    accepted: 0,
    ordered: null,
    deleted: 0,
    uploaded: null,
    close: server.close,
  };

  async function answer(request: FakeRequest): Promise<FakeAnswer> {
    const { pathname } = request.url;
    if (pathname === '/storage') return store(request);
    if (pathname.startsWith('/media/')) return media(pathname.slice('/media/'.length), request);
    if (request.headers.get('authorization') !== `Bearer ${key}`) return replay('error-key');
    if (request.headers.get('x-runway-version') !== '2024-11-06') return replay('error-version');
    const route = `${request.method} ${pathname}`;
    if (route === 'GET /v1/organization') {
      const fault = fake.faults.organization;
      return fault === 'error'
        ? replay('error-internal')
        : isBad(fault)
          ? badAnswer(fault)
          : replay('organization');
    }
    if (route === 'POST /v1/uploads') return startUpload(request.json);
    const path = /^POST \/v1\/((text|image)_to_(video|image))$/.exec(route)?.[1];
    if (path !== undefined) return order(path, request.json);
    const id = /^(?:GET|DELETE) \/v1\/tasks\/([\w-]+)$/.exec(route)?.[1] ?? '';
    const task = tasks.get(id);
    if (task === undefined) return replay('error-not-found');
    if (request.method === 'GET') return poll(id, task);
    tasks.delete(id);
    fake.deleted++;
    return new Response(null, { status: 204 });
  }

  function order(path: string, json: unknown): FakeAnswer {
    const fault = fake.faults.submit;
    if (fault === 'reset_before') return 'reset';
    if (fault === 'rate_with_hint') {
      const limited = replay('error-rate');
      limited.headers.set('retry-after', '9');
      return limited;
    }
    if (fault !== null && Object.hasOwn(REFUSALS, fault))
      return replay(REFUSALS[fault as keyof typeof REFUSALS]);
    const body = (json ?? {}) as Record<string, unknown>;
    const rules = RULES[[path, body['model']].join(' ')];
    if (rules === undefined) return invalid('model', 'Invalid discriminator value');
    for (const name of rules.required) if (!(name in body)) return invalid(name, 'Required');
    for (const [name, value] of Object.entries(body)) {
      if (name !== 'model' && rules.fields[name]?.(value) !== true)
        return invalid(name, 'Invalid or unrecognized');
    }
    const id = `17f20503-6c24-4c16-946b-${String(tasks.size + fake.deleted).padStart(12, '0')}`;
    tasks.set(id, { path, body, polls: 0 });
    fake.accepted++;
    fake.ordered = { path, body };
    if (fault === 'error_after') return replay('error-internal');
    if (fault === 'overloaded_after') return replay('error-overloaded');
    return isBad(fault) ? badAnswer(fault) : replay('created', { id, credits: CREDITS });
  }

  function startUpload(json: unknown): FakeAnswer {
    const fault = fake.faults.upload;
    if (isBad(fault)) return badAnswer(fault);
    if (fault === 'bad_key') return replay('error-key');
    if (fault === 'error') return replay('error-internal');
    const { filename, type } = (json ?? {}) as Record<string, unknown>;
    if (typeof filename !== 'string' || type !== 'ephemeral') return invalid('filename', 'Required');
    return replay('upload', { url: `${server.origin}/storage`, uri: 'runway://eyJ1cGxvYWQiOjF9' });
  }

  async function store(request: FakeRequest): Promise<FakeAnswer> {
    if (request.headers.has('authorization') || fake.faults.upload === 'storage')
      return new Response('<Error/>', { status: 403 });
    const parts = await formOf(request).catch(() => []);
    const last = parts.at(-1);
    const isSigned =
      parts.some((part) => part.name === 'policy') && parts.some((part) => part.name === 'key');
    if (!isSigned || last === undefined || !('file' in last))
      return new Response('<Error/>', { status: 400 });
    fake.uploaded = await last.file.bytes();
    return new Response(null, { status: 204 });
  }

  function poll(id: string, task: Task): FakeAnswer {
    const fault = fake.faults.poll;
    if (isBad(fault)) return badAnswer(fault);
    if (fault === 'error') return replay('error-internal');
    if (fault === 'rate') return replay('error-rate');
    task.polls++;
    const values = { id, created_at: new Date(1_800_000_000_000).toISOString(), credits: CREDITS };
    if (fault === 'unknown_state')
      return Response.json({ id, status: 'DREAMING', createdAt: values.created_at });
    if (fault === 'throttled' || fault === 'cancelled') return replay(fault, values);
    if (fault === 'none') return replay('succeeded', { ...values, output: [] });
    if (fault !== null)
      return replay('failed', { ...values, failure: 'It did not work.', code: FAILURES[fault] });
    if (task.polls === 1) return replay('pending', values);
    const output = [`${server.origin}/media/${id}?_jwt=abc`];
    return task.polls > POLLS ? replay('succeeded', { ...values, output }) : replay('running', values);
  }

  function media(id: string, request: FakeRequest): FakeAnswer {
    const task = tasks.get(id);
    if (task === undefined || request.headers.has('authorization'))
      return new Response(null, { status: 403 });
    const { ratio = '1280:720', duration, audio = false } = task.body;
    const [width = 0, height = 0] = (ratio as string).split(':').map(Number);
    if (task.path === 'text_to_image') return mediaAnswer(tinyPng(width, height), 'image/png');
    const made = tinyMp4(width, height, { seconds: Number(duration), hasAudio: audio === true });
    return mediaAnswer(made, 'video/mp4');
  }
  return fake;
}

function invalid(field: string, message: string): FakeAnswer {
  return replay('error-body', { field, message });
}

function isBad(fault: string | null): fault is BadAnswer {
  return BAD_ANSWERS.some((bad) => bad === fault);
}

function replay(name: string, values: Readonly<Record<string, unknown>> = {}): Response {
  return recorded(`runway/${name}`, values);
}
