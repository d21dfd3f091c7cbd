// A fake of BytePlus ModelArk: tasks for films and answers with pictures, as strict as the reference about fields and
// models, with a bucket that takes GET alone and a switch for everything that can go wrong.
import { FILMS, PICTURES } from '../../src/providers/byteplus-models.ts';
import { SEEDANCE_SIZES } from '../../src/providers/sizes.ts';
import { tinyMp4, tinyPng } from '../support/tiny-media.ts';
import { recorded, recordedBody } from './recording.ts';
import {
  badAnswer,
  mediaAnswer,
  startFake,
  type BadAnswer,
  type FakeAnswer,
  type FakeRequest,
} from './server.ts';

type Refusal = `error-${string}`;

export type ByteplusFaults = {
  /** Instead of taking an order. */
  create: Refusal | BadAnswer | null;
  /** Instead of the answer to an order that was taken. */
  created: Refusal | BadAnswer | null;
  poll:
    | 'failed'
    | 'failed_in_words'
    | 'moderated'
    | 'mismatch'
    | 'expired'
    | 'cancelled'
    | 'no_output'
    | 'late_output'
    | 'link_object'
    | 'unknown_state'
    | 'loud_state'
    | 'foreign_host'
    | Refusal
    | BadAnswer
    | null;
  /** In the answer with pictures. */
  picture: 'none' | 'moderated' | 'failed' | null;
  list: Refusal | BadAnswer | null;
  remove: Refusal | BadAnswer | null;
};

export type FakeTask = {
  id: string;
  body: Record<string, unknown>;
  status: string;
  createdAt: number;
  polls: number;
};

export type ByteplusFake = Awaited<ReturnType<typeof startByteplusFake>>;

const BASE = '/api/v3';
const TASKS = '/contents/generations/tasks';
const STATES = ['queued', 'running', 'succeeded'];

const ENDINGS: Readonly<Record<string, string>> = {
  failed: 'failed',
  failed_in_words: 'failed',
  moderated: 'failed',
  mismatch: 'failed',
  expired: 'expired',
  cancelled: 'cancelled',
  unknown_state: 'polishing',
  loud_state: 'Succeeded',
};
const ERRORS: Readonly<Record<string, { code?: string; message: string }>> = {
  failed: { code: 'InternalServiceError', message: 'The service encountered an unexpected internal error.' },
  failed_in_words: { message: 'It did not work for account 2107624789.' },
  moderated: {
    code: 'OutputVideoSensitiveContentDetected.PolicyViolation',
    message: 'The output was withheld.',
  },
  mismatch: { code: 'InvalidParameter.TaskTypeMismatch', message: 'The ratio must be adaptive.' },
};

export async function startByteplusFake({ now, apiKey }: { now: () => number; apiKey: string }) {
  const faults: ByteplusFaults = {
    create: null,
    created: null,
    poll: null,
    picture: null,
    list: null,
    remove: null,
  };
  const how = { retryAfter: null as string | null, isInChina: false, listTotal: null as number | null };
  const tasks: FakeTask[] = [];
  const pictures: Record<string, unknown>[] = [];

  const server = await startFake(async (request) => {
    const { pathname } = request.url;
    if (pathname.startsWith('/bucket/')) return output(request);
    if (!pathname.startsWith(BASE)) return badAnswer('html', 404);
    if (request.headers.get('authorization') !== `Bearer ${apiKey}`) return refuse('error-key');
    const route = `${request.method} ${pathname.slice(BASE.length)}`;
    if (route === `POST ${TASKS}`) return create(request);
    if (route === 'POST /images/generations') return draw(request);
    if (route === `GET ${TASKS}`) return list(request);
    const id = pathname.split('/').at(-1) ?? '';
    if (route === `GET ${TASKS}/${id}`) return read(id);
    if (route === `DELETE ${TASKS}/${id}`) return remove(id);
    return refuse('error-not-found');
  });

  function refuse(fault: Refusal | BadAnswer): FakeAnswer {
    if (!isRefusal(fault)) return badAnswer(fault);
    const answer = recorded(`byteplus/${fault}`);
    if (how.retryAfter !== null) answer.headers.set('retry-after', how.retryAfter);
    return answer;
  }

  function wrong(message: string): Response {
    return recorded('byteplus/error-parameter', { message });
  }

  function create({ json }: FakeRequest): FakeAnswer {
    if (faults.create !== null) return refuse(faults.create);
    const body = json as Record<string, unknown>;
    const fault = judgeTask(body, how.isInChina);
    if (fault !== null) return fault === 'model' ? recorded('byteplus/error-not-open') : wrong(fault);
    const id = `cgt-20261121${String(tasks.length).padStart(6, '0')}-abcde`;
    tasks.push({ id, body, status: 'queued', createdAt: now(), polls: 0 });
    return faults.created === null ? recorded('byteplus/create', { id }) : refuse(faults.created);
  }

  function draw({ json }: FakeRequest): FakeAnswer {
    if (faults.create !== null) return refuse(faults.create);
    const body = json as Record<string, unknown>;
    const fault = judgePicture(body, how.isInChina);
    if (fault !== null) return fault === 'model' ? recorded('byteplus/error-not-open') : wrong(fault);
    pictures.push(body);
    if (faults.created !== null) return refuse(faults.created);
    const size = String(body['size']);
    const code =
      faults.picture === 'moderated' ? 'OutputImageSensitiveContentDetected' : 'InternalServiceError';
    const failure = { error: { code, message: 'The picture was not made.' } };
    const made = { url: `${server.origin}/bucket/${size}/picture.png`, size };
    const data = faults.picture === 'none' ? [] : [faults.picture === null ? made : failure];
    const count = faults.picture === null ? 1 : 0;
    return recorded('byteplus/images', {
      model: body['model'],
      createdAt: Math.floor(now() / 1000),
      data,
      count,
    });
  }

  function read(id: string): FakeAnswer {
    if (faults.poll !== null && isAnswer(faults.poll)) return refuse(faults.poll);
    const task = tasks.find((known) => known.id === id);
    if (task === undefined) return recorded('byteplus/error-not-found');
    const at = STATES.indexOf(task.status);
    if (at >= 0) task.status = STATES[Math.max(at, Math.min(task.polls, 2))] ?? task.status;
    task.polls++;
    return recorded('byteplus/task', fieldsOf(task));
  }

  function fieldsOf(task: FakeTask): Record<string, unknown> {
    const { id, body, createdAt } = task;
    const { model, resolution, ratio, duration, generate_audio, execution_expires_after } = body;
    const isDone = task.status === 'succeeded';
    const status = isDone ? (ENDINGS[String(faults.poll)] ?? 'succeeded') : task.status;
    const isLate = task.polls < 4;
    const hasFilm =
      status.toLowerCase() === 'succeeded' &&
      faults.poll !== 'no_output' &&
      !(faults.poll === 'late_output' && isLate);
    const host = faults.poll === 'foreign_host' ? 'https://files.example' : server.origin;
    const url = `${host}/bucket/${id}/film.mp4`;
    return {
      id,
      model,
      status,
      error: isDone ? (ERRORS[String(faults.poll)] ?? null) : null,
      content: hasFilm ? { video_url: faults.poll === 'link_object' ? { url } : url } : null,
      usage: hasFilm ? { completion_tokens: 108_900, total_tokens: 108_900 } : null,
      createdAt: Math.floor(createdAt / 1000),
      resolution,
      ratio,
      duration,
      hasAudio: generate_audio ?? false,
      expiresAfter: execution_expires_after ?? 172_800,
    };
  }

  function list({ url }: FakeRequest): FakeAnswer {
    if (faults.list !== null) return refuse(faults.list);
    const size = Number(url.searchParams.get('page_size') ?? 20);
    if (!(size >= 1 && size <= 500)) return wrong('page_size is not valid');
    const model = url.searchParams.get('filter.model');
    const like = tasks.filter(({ body }) => model === null || body['model'] === model).toReversed();
    const items = like.slice(0, size).map((task) => recordedBody('byteplus/task', fieldsOf(task)));
    return recorded('byteplus/task-list', { total: how.listTotal ?? like.length, items });
  }

  function remove(id: string): FakeAnswer {
    if (faults.remove !== null) return refuse(faults.remove);
    const task = tasks.find((known) => known.id === id);
    if (task === undefined) return recorded('byteplus/error-not-found');
    if (task.status === 'running' || task.status === 'cancelled')
      return recorded('byteplus/error-not-cancelable');
    if (task.status === 'queued') task.status = 'cancelled';
    else tasks.splice(tasks.indexOf(task), 1);
    return recorded('byteplus/task-deleted');
  }

  /** Its signature is for GET and for nobody's key. */
  function output({ method, headers, url }: FakeRequest): FakeAnswer {
    if (method !== 'GET' || headers.has('authorization')) return new Response('', { status: 403 });
    const [, , name = '', file = ''] = url.pathname.split('/');
    if (file === 'picture.png') {
      const [width = 0, height = 0] = name.split('x').map(Number);
      return mediaAnswer(tinyPng(width, height), 'image/png');
    }
    const task = tasks.find(({ id }) => id === name);
    if (task === undefined) return new Response('', { status: 404 });
    const [width, height] = pixelsOf(task.body);
    const seconds = Number(task.body['duration']);
    return mediaAnswer(
      tinyMp4(width, height, { seconds, hasAudio: task.body['generate_audio'] === true }),
      'video/mp4',
    );
  }

  return { ...server, baseUrl: server.origin + BASE, faults, how, tasks, pictures };
}

function isRefusal(fault: Refusal | BadAnswer): fault is Refusal {
  return fault.startsWith('error-');
}

function isAnswer(fault: NonNullable<ByteplusFaults['poll']>): fault is Refusal | BadAnswer {
  return (
    fault.startsWith('error-') ||
    ['reset', 'hang', 'html', 'empty', 'enormous', 'not_json', 'slow'].includes(fault)
  );
}

function pixelsOf({ resolution, ratio }: Record<string, unknown>): [number, number] {
  const found = [...SEEDANCE_SIZES].find(
    ([, size]) => size.resolution === resolution && size.ratio === ratio,
  );
  const [width = 0, height = 0] = (found?.[0] ?? '0x0').split('x').map(Number);
  return [width, height];
}

const rawIds = (raw: string, isInChina: boolean) =>
  isInChina ? `doubao-${raw.replace(/^(dreamina|dola)-/, '')}` : raw;

type Check = (value: unknown) => boolean;
const isOneOf =
  (...values: unknown[]): Check =>
  (value) =>
    values.includes(value);
const isFlag: Check = (value) => typeof value === 'boolean';
const isWhole =
  (min: number, max: number): Check =>
  (value) =>
    Number.isInteger(value) && Number(value) >= min && Number(value) <= max;
const isDataUrl: Check = (value) =>
  typeof value === 'string' && /^(data:image\/[a-z]+;base64,[A-Za-z0-9+/]+=*|https:\/\/.+)$/.test(value);

/** `model` for one that is not open, else what is wrong with a field, or null. */
function judgeTask(body: Record<string, unknown>, isInChina: boolean): string | null {
  const { model, content, ...fields } = body;
  const film = Object.values(FILMS).find(({ raw }) => rawIds(raw, isInChina) === model);
  if (film === undefined) return 'model';
  const own: Record<string, Check> = film.isFirst
    ? { seed: isWhole(-1, 2_147_483_647), camera_fixed: isFlag }
    : { generate_audio: isFlag, priority: isWhole(0, 9) };
  const checks: Record<string, Check> = {
    resolution: isOneOf(...film.resolutions),
    ratio: isOneOf('16:9', '4:3', '1:1', '3:4', '9:16', '21:9', 'adaptive'),
    duration: isWhole(film.seconds[0], film.seconds[1]),
    watermark: isFlag,
    execution_expires_after: isWhole(3600, 259_200),
    callback_url: (value) => typeof value === 'string' && value.startsWith('http'),
    ...own,
  };
  return judgeFields(fields, checks) ?? judgeContent(content, film.isFirst);
}

function judgeContent(content: unknown, isFirst: boolean): string | null {
  if (!Array.isArray(content)) return 'content is required';
  for (const item of content as Record<string, unknown>[]) {
    const { type, text, image_url: image, role, ...rest } = item;
    if (Object.keys(rest).length > 0) return 'content has an unknown field';
    if (type === 'text') {
      if (typeof text !== 'string' || text === '') return 'content.text is not valid';
      continue;
    }
    if (type !== 'image_url') return 'content.type is not valid';
    if (!isDataUrl((image as { url?: unknown } | undefined)?.url)) return 'content.image_url is not valid';
    const roles = isFirst ? ['first_frame', 'last_frame'] : ['first_frame', 'last_frame', 'reference_image'];
    if (!isOneOf(...roles)(role)) return 'content.role is not valid';
  }
  return null;
}

function judgePicture(body: Record<string, unknown>, isInChina: boolean): string | null {
  const { model, prompt, ...fields } = body;
  const picture = Object.values(PICTURES).find(({ raw }) => rawIds(raw, isInChina) === model);
  if (picture === undefined) return 'model';
  if (typeof prompt !== 'string' || prompt === '') return 'prompt is required';
  return judgeFields(fields, {
    image: (value) => [value].flat().every(isDataUrl),
    size: (value) => {
      const [, width, height] = /^(\d+)x(\d+)$/.exec(String(value)) ?? [];
      const pixels = Number(width) * Number(height);
      return pixels >= picture.pixels[0] && pixels <= picture.pixels[1];
    },
    response_format: isOneOf('url', 'b64_json'),
    watermark: isFlag,
    ...(picture.isLayered
      ? { background: isOneOf('opaque', 'transparent') }
      : { sequential_image_generation: isOneOf('disabled', 'auto') }),
  });
}

function judgeFields(fields: Record<string, unknown>, checks: Record<string, Check>): string | null {
  for (const [name, value] of Object.entries(fields)) {
    const check = checks[name];
    if (check === undefined) return `the parameter ${name} is not supported`;
    if (!check(value)) return `the parameter ${name} is not valid`;
  }
  return null;
}
