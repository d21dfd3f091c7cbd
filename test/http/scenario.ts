// The table type of the scenario tests: a request, what it is answered with, and, for a refusal, the proof that
// nothing has happened: no job, no ledger entry, no idempotency key bound, no file, no line in the audit.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorCode } from '../../src/errors.ts';
import {
  OPERATOR_KEY,
  openWorld,
  type Answer,
  type CallOptions,
  type TestCustomer,
  type World,
  type WorldOptions,
} from '../support/world.ts';

/** A world with a customer, another customer, and a completed test job of the first. */
export type Scene = { world: World; customer: TestCustomer; stranger: TestCustomer; jobId: string };

export type Call = CallOptions & {
  method: string;
  path: string;
  as?: 'test' | 'live' | 'operator' | 'nobody';
};

export type Expected = {
  status: number;
  /** The type of the error; absent for a success. */
  code?: ErrorCode;
  /** The first field at fault, which the sentence must begin with. */
  field?: string;
  /** What the sentence must hold besides. */
  says?: string | RegExp;
  /** Null: the header must not be there. */
  headers?: Record<string, string | RegExp | null>;
  /** Some members of the body. */
  body?: Record<string, unknown>;
};

export type Scenario = {
  name: string;
  call: Call | ((scene: Scene) => Call);
  answer: Expected;
};

/** Runs a table in one world. */
export function runScenarios(title: string, table: readonly Scenario[], options: WorldOptions = {}): void {
  describe(title, () => {
    let scene: Scene;
    beforeAll(async () => {
      scene = await openScene(options);
    });
    afterAll(() => scene.world.close());
    for (const { name, call, answer } of table) {
      test(name, async () => {
        await runScenario(scene, typeof call === 'function' ? call(scene) : call, answer);
        // No table fills a window: that is for the tests of the limits.
        scene.world.clock.advance(1000);
      });
    }
  });
}

export async function openScene(options: WorldOptions = {}): Promise<Scene> {
  const world = await openWorld(options);
  const customer = await world.customer({ credits: 100_000 });
  const stranger = await world.customer({ credits: 100_000 });
  const jobId = await makeJob(world, customer.testKey);
  await world.advance(10_000);
  return { world, customer, stranger, jobId };
}

let keys = 0;

/** An idempotency key that no other request has. */
export function freshKey(): string {
  keys += 1;
  return `key-${keys}`;
}

/** Orders an image; returns the id of its job. */
export async function makeJob(world: World, key: string, body: object = {}): Promise<string> {
  const answer = await world.call('POST', '/v1/images/generate', {
    key,
    idempotencyKey: freshKey(),
    body: { prompt: 'a harbour', ...body },
  });
  expect(answer.status).toBe(202);
  return String(answer.json['jobId']);
}

/** Every member of a list, page by page to its end. */
export async function walk<Member>(
  world: World,
  [path, name]: [path: string, name: string],
  key = OPERATOR_KEY,
): Promise<Member[]> {
  const members: Member[] = [];
  for (let cursor: unknown = null, page = 0; page === 0 || cursor !== null; page++) {
    expect(page).toBeLessThan(100);
    const { status, json } = await world.call(
      'GET',
      cursor === null ? path : `${path}&cursor=${cursor as string}`,
      { key },
    );
    expect(status).toBe(200);
    members.push(...(json[name] as Member[]));
    cursor = json['nextCursor'];
  }
  return members;
}

async function runScenario(scene: Scene, call: Call, expected: Expected): Promise<void> {
  const { method, path, as = 'test', ...options } = call;
  const before = await countEverything(scene.world);
  const answer = await scene.world.call(method, path, { ...keyOf(scene, as), ...options });
  expectAnswer(answer, expected);
  if (expected.code !== undefined) expect(await countEverything(scene.world)).toEqual(before);
}

function keyOf({ customer }: Scene, as: NonNullable<Call['as']>): { key?: string } {
  switch (as) {
    case 'test':
      return { key: customer.testKey };
    case 'live':
      return { key: customer.liveKey };
    case 'operator':
      return { key: OPERATOR_KEY };
    case 'nobody':
      return {};
  }
}

function expectAnswer(answer: Answer, expected: Expected): void {
  const { status, code = null, headers = {}, body } = expected;
  expect({ status: answer.status, code: answer.code }).toEqual({ status, code });
  if (expected.field !== undefined || expected.says !== undefined) expectSentence(answer, expected);
  for (const [name, value] of Object.entries(headers)) {
    const actual = answer.headers.get(name);
    if (value instanceof RegExp) expect(actual, name).toMatch(value);
    else expect(actual, name).toBe(value);
  }
  if (body !== undefined) expect(answer.json).toMatchObject(body);
}

/** A sentence that names its field, and ends as sentences do. */
function expectSentence(answer: Answer, { field, says }: Pick<Expected, 'field' | 'says'>): void {
  const { message, param, fields } = answer.json['error'] as {
    message: string;
    param: string | null;
    fields?: { path: string; message: string }[];
  };
  expect(message).toMatch(/[.?]$/);
  if (says instanceof RegExp) expect(message).toMatch(says);
  else if (says !== undefined) expect(message).toContain(says);
  if (field === undefined) return;
  expect(param).toBe(field);
  expect(fields?.[0]?.path).toBe(field);
  if (field !== '') expect(message).toContain(field);
}

/** How much there is of everything that a request could leave behind. */
export async function countEverything(world: World): Promise<Record<string, number>> {
  const { q, t } = world.store.read;
  return {
    customers: await q.$count(t.customers),
    keys: await q.$count(t.apiKeys),
    jobs: await q.$count(t.jobs),
    inFlight: (await q.select().from(t.inFlight)).reduce((sum, { count }) => sum + count, 0),
    entries: await q.$count(t.ledgerEntries),
    idempotencyKeys: await q.$count(t.idempotencyKeys),
    files: await q.$count(t.files),
    uploads: await q.$count(t.uploads),
    events: await q.$count(t.events),
    audit: await q.$count(t.auditEvents),
    prices: await q.$count(t.priceVersions),
    plans: await q.$count(t.plans),
    stored: countFiles(join(world.dir, 'media')),
  };
}

function countFiles(folder: string): number {
  if (!existsSync(folder)) return 0;
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .length;
}
