// Reading a job again and again: without a look at the database while nothing changes, and never older than the last
// thing that happened to it.
import { describe, expect, test } from 'bun:test';
import type { Answer } from '../support/world.ts';
import { openStage, type Stage } from './stage.ts';

const read = ({ world, customer }: Stage, id: string, key = customer.liveKey): Promise<Answer> =>
  world.call('GET', `/v1/jobs/${id}`, { key });

describe('a job that was read', () => {
  test('is not looked up again before five seconds have gone by', async () => {
    const stage = await openStage();
    const id = await stage.accept();
    await stage.world.settle();
    const before = await read(stage, id);
    // Behind the back of everybody who would be told.
    stage.tamper('UPDATE jobs SET metadata = ? WHERE id = ?', '{"seen":"anew"}', id);
    expect((await read(stage, id)).json).toEqual(before.json);
    stage.world.clock.advance(4999);
    expect((await read(stage, id)).json).toEqual(before.json);
    stage.world.clock.advance(1);
    expect((await read(stage, id)).json).toMatchObject({ metadata: { seen: 'anew' } });
    await stage.close();
  });

  test('is nobody else’s, and not of the other mode', async () => {
    const stage = await openStage();
    const id = await stage.accept();
    const other = await stage.world.customer();
    await read(stage, id);
    for (const key of [other.liveKey, other.testKey, stage.customer.testKey]) {
      expect(await read(stage, id, key)).toMatchObject({ status: 404 });
    }
    expect(await read(stage, id)).toMatchObject({ status: 200 });
    await stage.close();
  });

  test('shows its next state, its end and its refund at once', async () => {
    const stage = await openStage();
    const id = await stage.accept();
    expect((await read(stage, id)).json).toMatchObject({ status: 'processing', queuePosition: 0 });
    await stage.world.settle();
    const running = (await read(stage, id)).json;
    expect(running).not.toHaveProperty('queuePosition');
    await stage.untilEnded(id);
    expect((await read(stage, id)).json).toMatchObject({ status: 'completed', refundedCredits: 0 });
    await stage.world.operator('POST', `/api/jobs/${id}/refund`, {
      body: { reason: 'a gift' },
      idempotencyKey: 'refund-1',
    });
    expect((await read(stage, id)).json).toMatchObject({ status: 'completed', refundedCredits: 20 });
    await stage.close();
  });

  test('tells its place in the queue as of a second ago', async () => {
    const stage = await openStage();
    const first = await stage.accept();
    stage.world.clock.advance(1);
    const second = await stage.accept();
    expect((await read(stage, second)).json).toMatchObject({ queuePosition: 1 });
    await stage.world.call('POST', `/v1/jobs/${first}/cancel`, { key: stage.customer.liveKey });
    expect((await read(stage, second)).json).toMatchObject({ queuePosition: 1 });
    stage.world.clock.advance(1000);
    expect((await read(stage, second)).json).toMatchObject({ queuePosition: 0 });
    await stage.close();
  });
});
