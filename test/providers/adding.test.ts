// The provider of `docs/adding-a-provider.md`: taken out of the page as it stands, and put through the contract.
import { afterAll, beforeEach, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AttemptOutcome, Order, Provider } from '../../src/providers/provider.ts';
import { providerContract } from '../contracts/provider.ts';
import {
  BAD_ANSWERS,
  badAnswer,
  mediaAnswer,
  startFake,
  type BadAnswer,
  type FakeAnswer,
} from '../fakes/server.ts';
import { ROOT } from '../house/source.ts';
import { tinyPng } from '../support/tiny-media.ts';
import { openAdapterBench, TEST_KEY } from './adapter-bench.ts';

type Fault = BadAnswer | 'bad key' | 'no balance' | 'busy' | 'refused' | 'broken' | null;

const PAGE = join(ROOT, 'docs/adding-a-provider.md');
const ORDER: Order = { model: 'bfl/flux-schnell', type: 'image', prompt: 'a pier', width: 512, height: 512 };
const ATTEMPT_ID = 'att_01mcc5rm00eyxr2ma7ek430grm';

const folder = mkdtempSync(join(tmpdir(), 'sluice-adding-'));
const createAcme = await takeFromPage();
let fault: Fault = null;
const jobs = new Map<string, number>();
const fake = await startFake(({ method, url, headers, json }) => {
  if (url.pathname.endsWith('.png')) return mediaAnswer(tinyPng(512, 512), 'image/png');
  if (fault === 'bad key' || headers.get('authorization') !== `Bearer ${TEST_KEY}`)
    return Response.json({}, { status: 401 });
  if (url.pathname === '/v1/me') return Response.json({ name: 'us' });
  return method === 'POST' ? take(json) : tell(url.pathname.split('/').at(-1) ?? '');
});
beforeEach(() => {
  fault = null;
  jobs.clear();
});
afterAll(() => {
  fake.close();
  rmSync(folder, { recursive: true });
});

/** The imports lead to the real files; everything else is run as it is printed. */
async function takeFromPage(): Promise<() => Provider> {
  const [, code] = /```ts\n([\s\S]*?)```/.exec(readFileSync(PAGE, 'utf8')) ?? [];
  if (code === undefined) throw new Error('the page shows no provider');
  const path = join(folder, 'acme.ts');
  const rooted = code
    .replaceAll("from './", `from '${ROOT}/src/providers/`)
    .replace("from 'valibot'", `from '${ROOT}/node_modules/valibot/dist/index.mjs'`);
  writeFileSync(path, rooted);
  return ((await import(path)) as { createAcme: () => Provider }).createAcme;
}

function take(json: unknown): FakeAnswer {
  if (fault === 'no balance') return Response.json({}, { status: 402 });
  if (fault === 'busy') return Response.json({}, { status: 429, headers: { 'retry-after': '7' } });
  expect(json).toEqual({ model: 'flux-fast', prompt: ORDER.prompt, width: 512, height: 512 });
  const id = `job-${jobs.size}`;
  jobs.set(id, 0);
  const bad = BAD_ANSWERS.find((name) => name === fault);
  return bad === undefined ? Response.json({ id }, { status: 201 }) : badAnswer(bad, 201);
}

function tell(id: string): FakeAnswer {
  const polls = jobs.get(id);
  if (polls === undefined) return Response.json({}, { status: 404 });
  jobs.set(id, polls + 1);
  if (fault === 'refused' || fault === 'broken') return Response.json({ state: fault });
  return Response.json(
    polls === 0 ? { state: 'dreaming' } : { state: 'done', url: `${fake.origin}/${id}.png` },
  );
}

const bench = (deadlineMs = 5000) =>
  openAdapterBench({ provider: createAcme(), baseUrl: fake.origin, order: ORDER, deadlineMs });

providerContract({
  name: 'acme, of the guide',
  open: (scenario) => {
    const faults: Partial<Record<typeof scenario, Fault>> = {
      refuses: 'busy',
      fails: 'broken',
      rejects: 'refused',
    };
    if (scenario === 'video' || scenario === 'with reference') return null;
    const stage = bench();
    const { submit, poll } = stage.provider;
    const played = (faults[scenario] ?? null) satisfies Fault;
    return {
      ...stage,
      provider: {
        ...stage.provider,
        submit: (...args) => ((fault = played), submit(...args)),
        poll: (...args) => ((fault = played), poll(...args)),
      },
    };
  },
  strangeJobId: 'job-of-somebody-else',
  isDeterministic: false,
});

const FAULTS: readonly (readonly [NonNullable<Fault>, object, number])[] = [
  ['bad key', { kind: 'failed', fault: 'credential' }, 0],
  ['no balance', { kind: 'failed', fault: 'balance' }, 0],
  ['busy', { kind: 'failed', fault: 'rate' }, 0],
  ['reset', { kind: 'unknown' }, 1],
  ['hang', { kind: 'unknown' }, 1],
  ['html', { kind: 'unknown' }, 1],
  ['empty', { kind: 'unknown' }, 1],
  ['not_json', { kind: 'unknown' }, 1],
  ['enormous', { kind: 'unknown' }, 1],
];

for (const [name, outcome, taken] of FAULTS) {
  test(`the provider of the guide reports ${name}`, async () => {
    fault = name;
    const { provider, context } = bench(name === 'hang' || name === 'enormous' ? 250 : 5000);
    const told: AttemptOutcome = await provider.submit(ORDER, ATTEMPT_ID, context);
    expect(told).toMatchObject(outcome);
    expect(jobs.size).toBe(taken);
  });
}
