// A fake OpenAI: generations, edits and the list of models, as strict about a request as the official specification, and
// with a switch for everything that can go wrong.
import { tinyPng } from '../support/tiny-media.ts';
import { recorded, recordedBody } from './recording.ts';
import { badAnswer, formOf, startFake, type BadAnswer, type FakeAnswer, type FakeRequest } from './server.ts';

/** Refused before anything is made. */
const REFUSALS = {
  bad_key: 'bad-key',
  unverified: 'unverified',
  missing_scopes: 'missing-scopes',
  no_model: 'no-model',
  moderation: 'moderation',
  bad_image: 'bad-image',
  no_balance: 'no-balance',
  hard_limit: 'hard-limit',
  rate: 'rate-limit',
  error_before: 'server-error',
  overloaded: 'overloaded',
} as const;

export type OpenaiFault =
  | keyof typeof REFUSALS
  | 'rate_with_hint'
  | 'reset_before'
  | 'forbidden_page'
  | 'error_after'
  | 'bad_gateway'
  | 'no_image'
  | 'empty_image'
  | 'no_usage'
  | BadAnswer;

export type FakeOpenai = {
  baseUrl: string;
  /** What goes wrong with every request until it is set to null. */
  faults: { request: OpenaiFault | null };
  /** How many pictures were really made. */
  accepted: number;
  /** What the newest order was made from, in either encoding. */
  ordered: { path: string; fields: Record<string, unknown>; image: File | null } | null;
  close(): void;
};

type Rule = (value: unknown) => boolean;

const oneOf =
  (...words: string[]): Rule =>
  (value) =>
    words.includes(String(value));
const within =
  (min: number, max: number): Rule =>
  (value) =>
    Number.isInteger(Number(value)) && Number(value) >= min && Number(value) <= max;

const QUALITIES = ['auto', 'low', 'medium', 'high'];
const CURRENT = ['gpt-image-2', 'gpt-image-2.5-flare', 'gpt-image-2.5-sunburst'];
const OLDER = ['gpt-image-1.5', 'gpt-image-1-mini'];

function rulesOf(model: string, isEdit: boolean): Record<string, Rule> {
  return {
    prompt: (value) => typeof value === 'string' && value.length > 0 && value.length <= 32_000,
    model: oneOf(...CURRENT, ...OLDER),
    n: within(1, 10),
    size: (value) => isSize(model, String(value)),
    quality: oneOf(...QUALITIES, ...(model.startsWith('gpt-image-2.5') ? ['xhigh', 'max'] : [])),
    background: oneOf('auto', 'opaque', 'transparent'),
    output_format: oneOf('png', 'jpeg', 'webp'),
    output_compression: within(0, 100),
    moderation: oneOf('auto', 'low'),
    user: (value) => typeof value === 'string',
    ...(isEdit && model === 'gpt-image-1.5' ? { input_fidelity: oneOf('high', 'low') } : {}),
  };
}

function isSize(model: string, size: string): boolean {
  if (['auto', '1024x1024', '1536x1024', '1024x1536'].includes(size)) return true;
  const [width = 0, height = 0] = size.split('x').map(Number);
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  const isRule = width % 16 === 0 && height % 16 === 0 && long <= 3840 && long <= 3 * short;
  const pixels = width * height;
  return CURRENT.includes(model) && isRule && pixels >= 655_360 && pixels <= 8_294_400;
}

export async function startFakeOpenai(key: string): Promise<FakeOpenai> {
  const server = await startFake(answer);
  const fake: FakeOpenai = {
    baseUrl: `${server.origin}/v1`,
    faults: { request: null },
    accepted: 0,
    ordered: null,
    close: server.close,
  };

  async function answer(request: FakeRequest): Promise<FakeAnswer> {
    const fault = fake.faults.request;
    if (fault === 'reset_before') return 'reset';
    if (fault === 'forbidden_page') return badAnswer('html', 403);
    if (request.headers.get('authorization') !== `Bearer ${key}`) return replay('bad-key');
    if (fault === 'rate_with_hint') {
      const limited = replay('rate-limit');
      limited.headers.set('retry-after', '7');
      return limited;
    }
    if (fault !== null && isRefusal(fault)) return replay(REFUSALS[fault]);
    const route = `${request.method} ${request.url.pathname}`;
    if (route === 'GET /v1/models') return isBad(fault) ? badAnswer(fault) : replay('models');
    if (route === 'POST /v1/images/generations') return order(request, request.json, null, fault);
    if (route !== 'POST /v1/images/edits') return new Response('{}', { status: 404 });
    const parts = await formOf(request).catch(() => []);
    const files = parts.flatMap((part) => ('file' in part ? [part] : []));
    const [image] = files;
    const isImage = image !== undefined && files.length === 1 && /^image(\[\])?$/.test(image.name);
    if (!isImage || !['image/png', 'image/jpeg', 'image/webp'].includes(image.file.type)) {
      return replay('bad-image');
    }
    const texts = parts.flatMap((part) => ('text' in part ? [[part.name, part.text]] : []));
    return order(request, Object.fromEntries(texts), image.file, fault);
  }

  function order(
    { url }: FakeRequest,
    body: unknown,
    image: File | null,
    fault: OpenaiFault | null,
  ): FakeAnswer {
    if (typeof body !== 'object' || body === null) return invalid('body', 'is not valid JSON');
    const fields: Record<string, unknown> = { ...body };
    const rules = rulesOf(String(fields['model']), image !== null);
    for (const name of ['prompt', 'model']) if (!(name in fields)) return invalid(name, 'is missing');
    for (const [name, value] of Object.entries(fields)) {
      if (rules[name] === undefined) return invalid(name, 'is unknown');
      if (!rules[name](value)) return invalid(name, 'has a wrong value');
    }
    fake.accepted++;
    fake.ordered = { path: url.pathname, fields, image };
    return isBad(fault) ? badAnswer(fault) : made(fields, fault);
  }
  return fake;
}

function made(fields: Record<string, unknown>, fault: OpenaiFault | null): FakeAnswer {
  if (fault === 'error_after') return replay('server-error');
  if (fault === 'bad_gateway') return badAnswer('html', 502);
  const asked = fields['size'];
  const size = typeof asked === 'string' ? asked : 'auto';
  const [width = 1024, height = 1024] = size === 'auto' ? [] : size.split('x').map(Number);
  const picture = Buffer.from(tinyPng(width, height)).toString('base64');
  const pictures = Array.from({ length: Number(fields['n'] ?? 1) }, () => ({ b64_json: picture }));
  const data = fault === 'no_image' ? [] : fault === 'empty_image' ? [{ b64_json: '' }] : pictures;
  if (fault !== 'no_usage') return replay('generated', { data, size });
  const body = recordedBody('openai/generated', { data, size });
  return Response.json({ ...(body as object), usage: undefined });
}

function invalid(param: string, what: string): FakeAnswer {
  return replay('invalid-parameter', { param, message: `'${param}' ${what}.` });
}

function isRefusal(fault: OpenaiFault): fault is keyof typeof REFUSALS {
  return Object.hasOwn(REFUSALS, fault);
}

function isBad(fault: OpenaiFault | null): fault is BadAnswer {
  return ['reset', 'hang', 'html', 'empty', 'enormous', 'not_json', 'slow'].includes(fault ?? '');
}

function replay(name: string, values: Readonly<Record<string, unknown>> = {}): Response {
  return recorded(`openai/${name}`, values);
}
