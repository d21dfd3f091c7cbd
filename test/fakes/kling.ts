// A fake of Kling's API, both families of paths: as strict as its documentation, with a switch for everything that can
// go wrong.
import * as v from 'valibot';
import { answerOrder, filmAnswer, isBadAnswer, type FakeFilm, type SubmitFault } from './film-tasks.ts';
import { recorded, recordedBody } from './recording.ts';
import { badAnswer, startFake, type BadAnswer, type FakeAnswer, type FakeRequest } from './server.ts';

/** Its refusals by their numbers; `wait` is the one for too many at once, with the time to come back. */
export type KlingRefusal =
  | '1002'
  | '1101'
  | '1102'
  | '1103'
  | '1203'
  | '1301'
  | '1302'
  | '1303'
  | '5000'
  | '5001';
export type KlingFaults = {
  submit: SubmitFault<KlingRefusal | 'wait' | 'doubled'> | null;
  poll:
    | 'failed'
    | 'risk'
    | 'no_output'
    | 'late_output'
    | 'unknown_state'
    | 'foreign_host'
    | KlingRefusal
    | BadAnswer
    | null;
  /** Looking for a task by our own id. */
  find: 'no_list' | KlingRefusal | BadAnswer | null;
  account: KlingRefusal | BadAnswer | null;
};

type KlingTask = FakeFilm & {
  externalId: string;
  createdAt: number;
  family: string;
  body: Record<string, unknown>;
};
export type KlingFake = Awaited<ReturnType<typeof startKlingFake>>;

const POLLS_PENDING = 1;
const SIZES: Readonly<Record<string, readonly [number, number]>> = {
  '720p 16:9': [1280, 720],
  '720p 9:16': [720, 1280],
  '720p 1:1': [960, 960],
  '1080p 16:9': [1920, 1080],
  '1080p 9:16': [1080, 1920],
  '1080p 1:1': [1440, 1440],
  '4k 16:9': [3840, 2160],
  '4k 9:16': [2160, 3840],
  '4k 1:1': [2880, 2880],
};

const prompt = v.pipe(v.string(), v.minLength(1), v.maxLength(2500));
const ratio = v.picklist(['16:9', '9:16', '1:1']);
const bare = v.pipe(v.string(), v.base64());
const externalId = v.pipe(v.string(), v.maxLength(128));
const watermark = v.strictObject({ enabled: v.boolean() });
const options = v.strictObject({
  callback_url: v.exactOptional(v.pipe(v.string(), v.url())),
  external_task_id: v.exactOptional(externalId),
  watermark_info: v.exactOptional(watermark),
});
const contents = v.tuple([
  v.strictObject({ type: v.literal('prompt'), text: prompt }),
  v.strictObject({ type: v.literal('first_frame'), url: bare }),
]);
const settingsOf = (own: v.ObjectEntries, resolutions: string[]) => ({
  resolution: v.exactOptional(v.picklist(resolutions)),
  duration: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(3), v.maxValue(15))),
  ...own,
});
const FULL = settingsOf(
  { audio: v.exactOptional(v.picklist(['native', 'off'])), multi_shot: v.exactOptional(v.boolean()) },
  ['720p', '1080p', '4k'],
);
const TURBO = settingsOf({}, ['720p', '1080p']);
const aspect = { aspect_ratio: v.exactOptional(ratio) };
const text = (settings: v.ObjectEntries) =>
  v.strictObject({ prompt, settings: v.exactOptional(v.strictObject({ ...settings, ...aspect })), options });
const image = (settings: v.ObjectEntries) =>
  v.strictObject({ contents, settings: v.exactOptional(v.strictObject(settings)), options });
const legacy = (own: v.ObjectEntries) =>
  v.strictObject({
    model_name: v.picklist(['kling-v2-6', 'kling-v2-5-turbo']),
    prompt,
    ...{
      mode: v.exactOptional(v.picklist(['std', 'pro'])),
      duration: v.exactOptional(v.picklist(['5', '10'])),
    },
    sound: v.exactOptional(v.picklist(['on', 'off'])),
    callback_url: v.exactOptional(v.pipe(v.string(), v.url())),
    external_task_id: v.exactOptional(externalId),
    ...own,
  });
const SCHEMAS: Readonly<Record<string, v.GenericSchema<unknown, Record<string, unknown>>>> = {
  '/text-to-video/kling-3.0': text(FULL),
  '/text-to-video/kling-3.0-turbo': text(TURBO),
  '/image-to-video/kling-3.0': image(FULL),
  '/image-to-video/kling-3.0-turbo': image(TURBO),
  '/v1/videos/text2video': legacy(aspect),
  '/v1/videos/image2video': legacy({ image: bare }),
};

const wordOf = (value: unknown): string => (typeof value === 'string' ? value : '');

export async function startKlingFake({ apiKey, now }: { apiKey: string; now: () => number }) {
  const faults: KlingFaults = { submit: null, poll: null, find: null, account: null };
  const how = { billing: 'unit' as 'unit' | 'USD' | 'none', echoesExternalId: true, refusesDoubles: false };
  const tasks: KlingTask[] = [];
  const server = await startFake((request) => {
    const { pathname } = request.url;
    if (pathname.startsWith('/film/')) return film(request, pathname.slice('/film/'.length));
    if (request.headers.get('authorization') !== `Bearer ${apiKey}`) return refuse('1002');
    if (request.method === 'POST') return order(request);
    if (pathname === '/account/costs') return account(request.url);
    if (pathname === '/tasks') return read(request.url);
    const [, family = '', id] = /^\/v1\/videos\/(\w+)(?:\/([\w-]+))?$/.exec(pathname) ?? [];
    return id === undefined ? list(family) : legacyRead(family, id);
  });

  function refuse(code: KlingRefusal): Response {
    return recorded(`kling/error-${code}`);
  }

  function invalid(message: string): Response {
    return recorded('kling/error-1201', { message });
  }

  function order(request: FakeRequest): FakeAnswer {
    const { pathname } = request.url;
    const schema = SCHEMAS[pathname];
    if (schema === undefined) return refuse('1203');
    const read = v.safeParse(schema, request.json);
    if (!read.success) return invalid(`${v.getDotPath(read.issues[0]) ?? 'body'}: ${read.issues[0].message}`);
    const made = taskOf(read.output, pathname);
    if (typeof made === 'string') return invalid(made);
    return answerOrder(faults.submit, {
      take: () => take(made),
      refuse: (own) => {
        if (own === 'doubled') return invalid('external_task_id already exists');
        if (own !== 'wait') return refuse(own);
        const busy = refuse('1303');
        busy.headers.set('retry-after', '7');
        return busy;
      },
      broken: () => refuse('5000'),
    });
  }

  function taskOf(body: Record<string, unknown>, path: string): KlingTask | string {
    const isLegacy = path.startsWith('/v1/');
    const settings = { ...(body['settings'] as object | undefined) } as Record<string, unknown>;
    const given = isLegacy ? body : ((body['options'] ?? {}) as Record<string, unknown>);
    const resolution = isLegacy
      ? body['mode'] === 'pro'
        ? '1080p'
        : '720p'
      : wordOf(settings['resolution']);
    const size = SIZES[`${resolution} ${wordOf((isLegacy ? body : settings)['aspect_ratio']) || '16:9'}`];
    const isLoud = isLegacy
      ? body['sound'] === 'on'
      : settings['audio'] === 'native' || path.endsWith('turbo');
    if (isLegacy && isLoud && resolution !== '1080p') return 'sound is supported in pro mode only';
    if (body['sound'] !== undefined && body['model_name'] !== 'kling-v2-6') return 'sound is not supported';
    const [width = 1280, height = 720] = size ?? [];
    return {
      ...{
        id: String(893_605_946_402_811_985n + BigInt(tasks.length)),
        width,
        height,
        hasAudio: isLoud,
        polls: 0,
      },
      seconds: Number(isLegacy ? body['duration'] : settings['duration']),
      externalId: wordOf(given['external_task_id']),
      ...{ createdAt: now(), body, family: isLegacy ? path.slice('/v1/videos/'.length) : 'tasks' },
    };
  }

  function take(task: KlingTask): Response {
    const { id, externalId: given, createdAt, family } = task;
    if (how.refusesDoubles && tasks.some((other) => other.externalId === given && given !== ''))
      return invalid('external_task_id already exists');
    tasks.push(task);
    return recorded(family === 'tasks' ? 'kling/created' : 'kling/legacy-created', {
      id,
      externalId: given,
      createdAt,
    });
  }

  function film({ headers }: FakeRequest, id: string): FakeAnswer {
    if (headers.has('authorization')) return new Response('no credential is wanted here', { status: 400 });
    return filmAnswer(tasks.find((task) => task.id === id));
  }

  function account(url: URL): FakeAnswer {
    const { account: fault } = faults;
    if (isBadAnswer(fault)) return badAnswer(fault);
    if (fault !== null) return refuse(fault);
    const [start, end] = [url.searchParams.get('start_time'), url.searchParams.get('end_time')];
    if (!/^\d{13}$/.test(start ?? '') || !/^\d{13}$/.test(end ?? '')) return invalid('start_time');
    const pack = (name: string, left: number, status: string) =>
      recordedBody('kling/pack', { name, total: 1000, left, status });
    const packs = [
      pack('Video Generation - 1,000 units', 118, 'online'),
      pack('Video Generation - 100 units', 0.5, 'online'),
      pack('Video Generation - 100 units', 70, 'expired'),
      pack('Image Generation - 1,000 units', 900, 'online'),
    ];
    return recorded('kling/packs', { packs });
  }

  /** How a task stands when it is asked for, counting that it was. */
  function stateOf(task: KlingTask): { status: string; message: string; hasFilm: boolean } {
    task.polls++;
    const isNew = task.family === 'tasks';
    const [submitted, working] = ['submitted', 'processing'];
    if (task.polls <= POLLS_PENDING)
      return { status: task.polls === 1 ? submitted : working, message: '', hasFilm: false };
    const { poll: fault } = faults;
    if (fault === 'failed') return { status: 'failed', message: 'the generation failed', hasFilm: false };
    if (fault === 'risk')
      return { status: 'failed', message: 'Failure to pass the risk control system', hasFilm: false };
    if (fault === 'unknown_state') return { status: 'rethinking', message: '', hasFilm: false };
    const isLate = fault === 'late_output' && task.polls <= POLLS_PENDING + 2;
    return {
      status: isNew ? 'succeeded' : 'succeed',
      message: '',
      hasFilm: fault !== 'no_output' && !isLate,
    };
  }

  function bodyOf(task: KlingTask): unknown {
    const { id, seconds, createdAt } = task;
    const { status, message, hasFilm } = stateOf(task);
    const url = faults.poll === 'foreign_host' ? 'http://127.0.0.1:9/film' : `${server.origin}/film/${id}`;
    const given = { id, status, message, createdAt, externalId: how.echoesExternalId ? task.externalId : '' };
    const films = hasFilm ? [{ id, url, seconds: String(seconds) }] : [];
    if (task.family !== 'tasks') {
      const videos = films.map((one) => recordedBody('kling/legacy-video', one));
      return recordedBody('kling/legacy-task', { ...given, videos, units: hasFilm ? '3.5' : '0' });
    }
    const outputs = films.map((one) => recordedBody('kling/output', one));
    const unit = recordedBody('kling/billing-unit', { amount: '3' });
    const cash = recordedBody('kling/billing-cash', { amount: '0.42', currency: 'USD' });
    const billing = !hasFilm || how.billing === 'none' ? [] : [how.billing === 'unit' ? unit : cash];
    return recordedBody('kling/task', { ...given, outputs, billing });
  }

  function read({ searchParams }: URL): FakeAnswer {
    const [ids, own] = [searchParams.get('task_ids'), searchParams.get('external_task_ids')];
    if ((ids === null) === (own === null)) return invalid('task_ids and external_task_ids: choose one');
    const fault = ids === null ? faults.find : faults.poll;
    if (isBadAnswer(fault)) return badAnswer(fault);
    if (fault !== null && /^\d{4}$/.test(fault)) return refuse(fault as KlingRefusal);
    const wanted = (ids ?? own ?? '').split(',');
    const found = tasks.filter(
      (task) => task.family === 'tasks' && wanted.includes(ids === null ? task.externalId : task.id),
    );
    return recorded('kling/tasks', { tasks: found.map(bodyOf) });
  }

  function legacyRead(family: string, id: string): FakeAnswer {
    const { poll: fault } = faults;
    if (isBadAnswer(fault)) return badAnswer(fault);
    if (fault !== null && /^\d{4}$/.test(fault)) return refuse(fault as KlingRefusal);
    const task = tasks.find((one) => one.family === family && (one.id === id || one.externalId === id));
    return task === undefined ? refuse('1203') : recorded('kling/legacy-one', { task: bodyOf(task) });
  }

  function list(family: string): FakeAnswer {
    const { find: fault } = faults;
    if (isBadAnswer(fault)) return badAnswer(fault);
    if (fault !== null) return fault === 'no_list' ? refuse('1203') : refuse(fault);
    const found = tasks.filter((task) => task.family === family).map(bodyOf);
    return recorded('kling/legacy-list', { tasks: found });
  }

  return { baseUrl: server.origin, stalled: server.stalled, close: server.close, faults, how, tasks };
}
