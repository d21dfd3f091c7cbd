// A fake of MiniMax's API, version 2 for H3 and version 1 for Hailuo: as strict as its documentation, with a switch for
// everything that can go wrong.
import { randomUUID } from 'node:crypto';
import * as v from 'valibot';
import { answerOrder, filmAnswer, isBadAnswer, type FakeFilm, type SubmitFault } from './film-tasks.ts';
import { recorded, recordedBody } from './recording.ts';
import { badAnswer, startFake, type BadAnswer, type FakeAnswer, type FakeRequest } from './server.ts';

/** Its refusals by the names of their recordings; `wait` is the one for too many, with the time to come back. */
export type MinimaxRefusal = 'key' | 'balance' | 'rate' | 'policy' | 'server';
type PollFault =
  | 'failed'
  | 'moderated'
  | 'cancelled'
  | 'expired'
  | 'no_output'
  | 'late_output'
  | 'unknown_state'
  | 'foreign_host';
export type MinimaxFaults = {
  submit: SubmitFault<MinimaxRefusal | 'wait'> | null;
  poll: PollFault | MinimaxRefusal | BadAnswer | null;
  /** Asking for the file of a film, which version 1 keeps apart. */
  file: MinimaxRefusal | BadAnswer | null;
  list: MinimaxRefusal | BadAnswer | null;
};

type MinimaxTask = FakeFilm & {
  version: 'v1' | 'v2';
  createdAt: number;
  isCancelled: boolean;
  body: Record<string, unknown>;
};
export type MinimaxFake = Awaited<ReturnType<typeof startMinimaxFake>>;

const SIZES: Readonly<Record<string, readonly [number, number]>> = {
  '768P 16:9': [1366, 768],
  '768P 9:16': [768, 1366],
  '768P 1:1': [1024, 1024],
  '768P 4:3': [1184, 888],
  '768P 3:4': [888, 1184],
  '2K 16:9': [2560, 1440],
  '2K 9:16': [1440, 2560],
  '1080P 16:9': [1920, 1080],
};

const whole = (min: number, max: number) => v.pipe(v.number(), v.integer(), v.minValue(min), v.maxValue(max));
const picture = v.pipe(v.string(), v.regex(/^(https:\/\/|data:image\/(png|jpeg|webp);base64,[\w+/]+=*$)/));
const text = v.strictObject({
  type: v.literal('text'),
  text: v.pipe(v.string(), v.minLength(1), v.maxLength(7000)),
});
const frame = v.strictObject({
  type: v.literal('image_url'),
  image_url: v.strictObject({ url: picture }),
  role: v.picklist(['first_frame', 'last_frame', 'reference_image']),
});
const common = {
  aigc_watermark: v.exactOptional(v.boolean()),
  callback_url: v.exactOptional(v.pipe(v.string(), v.url())),
};
const H3 = v.pipe(
  v.strictObject({
    model: v.literal('MiniMax-H3'),
    content: v.pipe(v.array(v.variant('type', [text, frame])), v.minLength(1)),
    resolution: v.picklist(['768P', '2K']),
    duration: whole(4, 15),
    ratio: v.exactOptional(v.picklist(['adaptive', '21:9', '16:9', '4:3', '1:1', '3:4', '9:16'])),
    ...common,
  }),
  v.check(
    ({ content, ratio }) => content.length > 1 || ratio !== 'adaptive',
    'ratio adaptive needs an image',
  ),
);
const HAILUO = v.pipe(
  v.strictObject({
    model: v.literal('MiniMax-Hailuo-2.3'),
    prompt: v.pipe(v.string(), v.minLength(1), v.maxLength(2000)),
    duration: v.picklist([6, 10]),
    resolution: v.picklist(['768P', '1080P']),
    prompt_optimizer: v.exactOptional(v.boolean()),
    first_frame_image: v.exactOptional(picture),
    ...common,
  }),
  v.check(({ duration, resolution }) => duration === 6 || resolution === '768P', '10 s are for 768P only'),
);
const wordOf = (value: unknown): string => (typeof value === 'string' ? value : '');

export async function startMinimaxFake({ apiKey, now }: { apiKey: string; now: () => number }) {
  const faults: MinimaxFaults = { submit: null, poll: null, file: null, list: null };
  const tasks: MinimaxTask[] = [];
  const server = await startFake((request) => {
    const { pathname, searchParams } = request.url;
    if (pathname.startsWith('/film/')) return film(request, pathname.slice('/film/'.length));
    const version = pathname.startsWith('/v1/') ? 'v1' : 'v2';
    if (request.headers.get('authorization') !== `Bearer ${apiKey}`) return refuse('key', version);
    const route = `${request.method} ${pathname}`;
    if (route === `POST /${version}/video_generation`) return order(request, version);
    if (route === 'GET /v2/query/video_generation') return list();
    if (route === 'GET /v1/query/video_generation') return readLegacy(searchParams.get('task_id') ?? '');
    if (route === 'GET /v1/files/retrieve') return file(searchParams.get('file_id') ?? '');
    const id = pathname.split('/').at(-1) ?? '';
    if (route === `GET /v2/query/video_generation/${id}`) return read(id);
    if (route === `DELETE /v2/video_generation/${id}`) return cancel(id);
    return new Response('404 page not found', { status: 404 });
  });

  function refuse(name: MinimaxRefusal, version: 'v1' | 'v2'): Response {
    return recorded(version === 'v1' ? `minimax/v1-error-${name}` : `minimax/error-${name}`);
  }

  function order(request: FakeRequest, version: 'v1' | 'v2'): FakeAnswer {
    const read = v.safeParse(version === 'v1' ? HAILUO : H3, request.json);
    if (!read.success) {
      const message = `invalid params, ${v.getDotPath(read.issues[0]) ?? 'body'}: ${read.issues[0].message}`;
      return recorded(version === 'v1' ? 'minimax/v1-error-invalid' : 'minimax/error-invalid', { message });
    }
    return answerOrder(faults.submit, {
      take: () => take(read.output, version),
      refuse: (own) => {
        if (own !== 'wait') return refuse(own, version);
        const busy = refuse('rate', version);
        busy.headers.set('retry-after', '7');
        return busy;
      },
      broken: () => recorded('minimax/error-server'),
    });
  }

  function take(body: Record<string, unknown>, version: 'v1' | 'v2'): Response {
    const id = version === 'v1' ? String(106_916_112_212_032 + tasks.length) : randomUUID();
    const ratio = wordOf(body['ratio']).replace('adaptive', '') || '16:9';
    const [width = 1366, height = 768] = SIZES[`${wordOf(body['resolution'])} ${ratio}`] ?? [];
    const seconds = Number(body['duration']);
    tasks.push({
      ...{ id, version, width, height, seconds, body, hasAudio: version === 'v2', polls: 0 },
      ...{ createdAt: Math.floor(now() / 1000), isCancelled: false },
    });
    return recorded(version === 'v1' ? 'minimax/v1-created' : 'minimax/created', { id });
  }

  function film({ headers }: FakeRequest, id: string): FakeAnswer {
    if (headers.has('authorization')) return new Response('no credential is wanted here', { status: 400 });
    return filmAnswer(tasks.find((task) => task.id === id));
  }

  function urlOf({ id }: MinimaxTask): string {
    return faults.poll === 'foreign_host' ? 'http://127.0.0.1:9/film' : `${server.origin}/film/${id}`;
  }

  /** The answer to any poll, where that is not about the task. */
  function pollFault(version: 'v1' | 'v2'): FakeAnswer | null {
    const { poll: fault } = faults;
    if (isBadAnswer(fault)) return badAnswer(fault);
    return fault === 'key' || fault === 'rate' || fault === 'server' ? refuse(fault, version) : null;
  }

  function hasFilm({ polls }: MinimaxTask): boolean {
    return faults.poll !== 'no_output' && !(faults.poll === 'late_output' && polls <= 3);
  }

  function read(id: string): FakeAnswer {
    const bad = pollFault('v2');
    if (bad !== null) return bad;
    const task = tasks.find((one) => one.id === id && one.version === 'v2');
    if (task === undefined) return recorded('minimax/error-task');
    task.polls++;
    const { resolution, ratio, duration: seconds } = task.body;
    const answer = (status: string, content: unknown = null) =>
      recorded('minimax/task', { id, status, content, resolution, ratio, seconds });
    if (task.isCancelled) return answer('cancelled');
    if (task.polls === 1) return answer('queued');
    const { poll: fault } = faults;
    if (fault === 'failed') {
      return recorded('minimax/task-failed', { id, code: '1000', message: 'generation failed' });
    }
    if (fault === 'moderated') {
      return recorded('minimax/task-failed', { id, code: '1027', message: 'output new_sensitive' });
    }
    if (fault === 'unknown_state') return answer('rethinking');
    if (fault === 'cancelled' || fault === 'expired') return answer(fault);
    return answer('succeeded', { url: hasFilm(task) ? urlOf(task) : '' });
  }

  function readLegacy(id: string): FakeAnswer {
    const fault = pollFault('v1');
    if (fault !== null) return fault;
    const task = tasks.find((one) => one.id === id && one.version === 'v1');
    if (task === undefined)
      return recorded('minimax/v1-error-invalid', { message: 'invalid params, invalid task_id' });
    task.polls++;
    const { width, height, polls } = task;
    const answer = (status: string, fileId = '') =>
      recorded('minimax/v1-task', { id, status, fileId, width, height });
    if (polls === 1) return answer('Preparing');
    if (faults.poll === 'moderated') return recorded('minimax/v1-task-sensitive', { id });
    if (faults.poll === 'unknown_state') return answer('Rethinking');
    if (faults.poll === 'failed') return answer('Fail');
    return answer('Success', hasFilm(task) ? `file${id}` : '');
  }

  function file(fileId: string): FakeAnswer {
    const { file: fault } = faults;
    if (isBadAnswer(fault)) return badAnswer(fault);
    if (fault !== null) return refuse(fault, 'v1');
    const task = tasks.find(({ id }) => `file${id}` === fileId);
    if (task === undefined)
      return recorded('minimax/v1-error-invalid', { message: 'invalid params, file_id' });
    return recorded('minimax/v1-file', { fileId, url: urlOf(task) });
  }

  function cancel(id: string): FakeAnswer {
    const task = tasks.find((one) => one.id === id && one.version === 'v2');
    if (task === undefined) return recorded('minimax/error-task');
    if (task.polls > 1) return recorded('minimax/error-running');
    task.isCancelled = true;
    return recorded('minimax/deleted', { id, action: 'cancelled', status: 'cancelled' });
  }

  function list(): FakeAnswer {
    const { list: fault } = faults;
    if (isBadAnswer(fault)) return badAnswer(fault);
    if (fault !== null) return refuse(fault, 'v2');
    const listed = tasks
      .filter(({ version }) => version === 'v2')
      .map((task) => {
        const { resolution, ratio, duration: seconds } = task.body;
        const given = {
          id: task.id,
          status: 'queued',
          resolution,
          ratio,
          seconds,
          createdAt: task.createdAt,
        };
        return recordedBody('minimax/listed-task', given);
      });
    return recorded('minimax/tasks', { tasks: listed, total: listed.length });
  }

  return { baseUrl: server.origin, stalled: server.stalled, close: server.close, faults, tasks };
}
