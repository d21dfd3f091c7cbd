// A customer whose keys a test makes through the operator API, and what there is to ask about them.
import { expect } from 'bun:test';
import { HOUR_MS } from '../../../src/runtime/clock.ts';
import type { Answer, World } from '../../support/world.ts';

export type Key = {
  keyId: string;
  prefix: string;
  status: string;
  expiresAt: string | null;
  lastUsedAt: string | null;
};

export type OpenKeys = {
  readonly base: string;
  make(body?: object): Promise<{ secret: string; key: Key; path: string }>;
  list(): Promise<Key[]>;
};

export async function openKeys(world: World): Promise<OpenKeys> {
  const { json } = await world.operator('POST', '/api/public/customers', { body: { name: 'Test' } });
  const { customerId } = json['customer'] as { customerId: string };
  const base = `/api/public/customers/${customerId}/api-keys`;
  return {
    base,
    async make(body = {}) {
      const answer = await world.operator('POST', base, { body: { mode: 'test', ...body } });
      expect(answer.status).toBe(201);
      const key = answer.json['key'] as Key;
      return { secret: String(answer.json['apiKey']), key, path: `${base}/${key.keyId}` };
    },
    async list() {
      return (await world.operator('GET', base)).json['keys'] as Key[];
    },
  };
}

/** Asks with the key, a millisecond later. */
export async function worksWith(world: World, key: string): Promise<boolean> {
  world.clock.advance(1);
  return (await world.call('GET', '/v1/usage', { key })).status === 200;
}

export function keyIn(answer: Answer, name = 'key'): Key {
  return answer.json[name] as Key;
}

export function inHours(world: World, hours: number): string {
  return new Date(world.clock.now() + hours * HOUR_MS).toISOString();
}
