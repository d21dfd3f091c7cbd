// A fake of Alibaba's Model Studio for the Wan models: as strict as its documentation, with a switch for everything that
// can go wrong.
import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import { answerOrder, filmAnswer, isBadAnswer, type FakeFilm, type SubmitFault } from './film-tasks.ts';
import { recorded, recordedBody } from './recording.ts';
import { badAnswer, startFake, type BadAnswer, type FakeAnswer, type FakeRequest } from './server.ts';

/** Its refusals by the names of their recordings; `wait` is the one for too many, with the time to come back. */
export type DashscopeRefusal =
  | 'key'
  | 'arrears'
  | 'denied'
  | 'unpurchased'
  | 'model'
  | 'throttled'
  | 'quota'
  | 'policy'
  | 'media'
  | 'server';
export type DashscopeFaults = {
  submit: SubmitFault<DashscopeRefusal | 'wait'> | null;
  poll:
    | 'failed'
    | 'moderated'
    | 'canceled'
    | 'forgotten'
    | 'no_output'
    | 'late_output'
    | 'unknown_state'
    | 'foreign_host'
    | DashscopeRefusal
    | BadAnswer
    | null;
  list: DashscopeRefusal | BadAnswer | null;
};

type WanTask = FakeFilm & { createdAt: number; isCanceled: boolean; body: Record<string, unknown> };
export type DashscopeFake = Awaited<ReturnType<typeof startDashscopeFake>>;

const REFUSALS = [
  'key',
  'arrears',
  'denied',
  'unpurchased',
  'model',
  'throttled',
  'quota',
  'policy',
  'media',
  'server',
] as const satisfies DashscopeRefusal[];
const PIXELS: Readonly<Record<string, readonly [number, number]>> = {
  '480P 16:9': [832, 480],
  '720P 16:9': [1280, 720],
  '720P 9:16': [720, 1280],
  '720P 1:1': [960, 960],
  '720P 4:3': [1088, 832],
  '720P 3:4': [832, 1088],
  '1080P 16:9': [1920, 1080],
  '1080P 9:16': [1080, 1920],
  '1080P 1:1': [1440, 1440],
  '1080P 4:3': [1632, 1248],
  '1080P 3:4': [1248, 1632],
};
const SIZES = Object.entries(PIXELS).flatMap(([name, size]) =>
  name.startsWith('480P') ? [] : [size.join('*')],
);

const whole = (min: number, max: number) => v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));
const prompt = (max: number) => v.pipe(v.string(), v.minLength(1), v.maxLength(max));
const url = v.pipe(v.string(), v.regex(/^(https:\/\/|data:image\/(png|jpeg|bmp|webp);base64,[\w+/]+=*$)/));
const media = v.pipe(v.array(v.strictObject({ type: v.literal('first_frame'), url })), v.length(1));
const ratio = { ratio: v.exactOptional(v.picklist(['adaptive', '16:9', '9:16', '1:1', '4:3', '3:4'])) };
const common = {
  prompt_extend: v.exactOptional(v.boolean()),
  watermark: v.exactOptional(v.boolean()),
  seed: v.exactOptional(whole(0, 2_147_483_647)),
};
const resolution = (...words: string[]) => ({ resolution: v.exactOptional(v.picklist(words)) });
const seconds = (min: number, max: number) => ({ duration: v.exactOptional(whole(min, max)) });
const schemaOf = (model: string, input: v.ObjectEntries, parameters: v.ObjectEntries) =>
  v.strictObject({
    model: v.literal(model),
    input: v.strictObject(input),
    parameters: v.strictObject({ ...common, ...parameters }),
  });
const SCHEMAS = v.variant('model', [
  schemaOf(
    'wan3.0-video',
    { prompt: prompt(20_000), media: v.exactOptional(media) },
    {
      ...resolution('480P', '720P', '1080P'),
      ...ratio,
      ...seconds(2, 30),
      audio: v.exactOptional(v.boolean()),
    },
  ),
  schemaOf(
    'wan2.7-t2v',
    { prompt: prompt(5000) },
    { ...resolution('720P', '1080P'), ...ratio, ...seconds(2, 15) },
  ),
  schemaOf(
    'wan2.7-i2v',
    { prompt: prompt(5000), media },
    { ...resolution('720P', '1080P'), ...seconds(2, 15) },
  ),
  schemaOf('wan2.6-t2v', { prompt: prompt(1500) }, { size: v.picklist(SIZES), ...seconds(2, 15) }),
  schemaOf(
    'wan2.6-i2v',
    { prompt: prompt(1500), img_url: url },
    { ...resolution('720P', '1080P'), ...seconds(2, 15) },
  ),
]);
const wordOf = (value: unknown): string => (typeof value === 'string' ? value : '');

export async function startDashscopeFake({ apiKey, now }: { apiKey: string; now: () => number }) {
  const faults: DashscopeFaults = { submit: null, poll: null, list: null };
  const tasks: WanTask[] = [];
  const server = await startFake((request) => {
    const { pathname } = request.url;
    if (pathname.startsWith('/film/')) return film(request, pathname.slice('/film/'.length));
    if (request.headers.get('authorization') !== `Bearer ${apiKey}`) return refuse('key');
    const route = `${request.method} ${pathname}`;
    if (route === 'POST /api/v1/services/aigc/video-generation/video-synthesis') return order(request);
    if (route === 'GET /api/v1/tasks/') return list(request.url);
    const [, id = '', action] = /^\/api\/v1\/tasks\/([\w-]+)(\/cancel)?$/.exec(pathname) ?? [];
    if (request.method === 'POST' && action !== undefined) return cancel(id);
    return request.method === 'GET' && id !== '' ? read(id) : new Response('{}', { status: 404 });
  });

  function refuse(name: DashscopeRefusal): Response {
    return recorded(`dashscope/error-${name}`);
  }

  function order(request: FakeRequest): FakeAnswer {
    if (request.headers.get('x-dashscope-async') !== 'enable') return recorded('dashscope/error-async');
    const read = v.safeParse(SCHEMAS, request.json);
    if (!read.success) {
      const message = `${v.getDotPath(read.issues[0]) ?? 'body'}: ${read.issues[0].message}`;
      return recorded('dashscope/error-invalid', { message });
    }
    return answerOrder(faults.submit, {
      take: () => take(read.output),
      refuse: (own) => {
        if (own !== 'wait') return refuse(own);
        const busy = refuse('throttled');
        busy.headers.set('retry-after', '7');
        return busy;
      },
      broken: () => refuse('server'),
    });
  }

  function take(body: { model: string; parameters: Record<string, unknown> }): Response {
    const { size, resolution: lines, ratio: shape, duration, audio } = body.parameters;
    const named =
      PIXELS[`${wordOf(lines)} ${wordOf(shape) || '16:9'}`] ?? wordOf(size).split('*').map(Number);
    const [width = 1280, height = 720] = named;
    const id = randomUUID();
    tasks.push({
      ...{ id, width, height, seconds: Number(duration), hasAudio: audio !== false, polls: 0 },
      ...{ createdAt: now(), isCanceled: false, body },
    });
    return recorded('dashscope/created', { id });
  }

  function film({ headers }: FakeRequest, id: string): FakeAnswer {
    if (headers.has('authorization')) return new Response('no credential is wanted here', { status: 400 });
    return filmAnswer(tasks.find((task) => task.id === id));
  }

  function read(id: string): FakeAnswer {
    const { poll: fault } = faults;
    if (isBadAnswer(fault)) return badAnswer(fault);
    const refusal = REFUSALS.find((name) => name === fault);
    if (refusal !== undefined) return refuse(refusal);
    const task = tasks.find((one) => one.id === id);
    if (task === undefined || fault === 'forgotten') return recorded('dashscope/task-unknown', { id });
    task.polls++;
    if (task.isCanceled || fault === 'canceled')
      return recorded('dashscope/task', { id, status: 'CANCELED' });
    if (task.polls === 1) return recorded('dashscope/task', { id, status: 'PENDING' });
    if (fault === 'unknown_state') return recorded('dashscope/task', { id, status: 'RETHINKING' });
    const failed = (code: string, message: string) =>
      recorded('dashscope/task-failed', { id, status: 'FAILED', code, message });
    if (fault === 'failed') return failed('InternalError.Timeout', 'An internal error has occurred.');
    if (fault === 'moderated')
      return failed('DataInspectionFailed', 'Output data may contain inappropriate content.');
    const own = fault === 'foreign_host' ? 'http://127.0.0.1:9/film' : `${server.origin}/film/${id}`;
    const isEmpty = fault === 'no_output' || (fault === 'late_output' && task.polls <= 3);
    const given = { id, prompt: 'a pier at dawn', seconds: task.seconds, lines: task.height };
    return recorded('dashscope/task-done', { ...given, url: isEmpty ? '' : own });
  }

  function cancel(id: string): FakeAnswer {
    const task = tasks.find((one) => one.id === id);
    if (task === undefined || task.polls > 1 || task.isCanceled) return recorded('dashscope/error-late');
    task.isCanceled = true;
    return recorded('dashscope/canceled');
  }

  function list({ searchParams }: URL): FakeAnswer {
    const { list: fault } = faults;
    if (isBadAnswer(fault)) return badAnswer(fault);
    if (fault !== null) return refuse(fault);
    const size = Number(searchParams.get('page_size'));
    if (!(size >= 1 && size <= 100)) return recorded('dashscope/error-invalid', { message: 'page_size' });
    const listed = tasks
      .slice(-size)
      .map(({ id, createdAt, body }) =>
        recordedBody('dashscope/listed-task', { id, createdAt, status: 'PENDING', model: body['model'] }),
      );
    return recorded('dashscope/tasks', { tasks: listed, total: tasks.length, size });
  }

  return { baseUrl: server.origin, stalled: server.stalled, close: server.close, faults, tasks };
}
