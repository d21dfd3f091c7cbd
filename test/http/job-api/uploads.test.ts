// Uploads from outside: sent as they are or in a form, named in orders for a day by their owner alone, cleaned before
// anybody sees them, and gone when nobody needs them.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { join as joinBytes, png, pngChunk, realImages } from '../../media/image-bytes.ts';
import { openStage, type Stage } from '../../jobs/stage.ts';
import { countEverything, freshKey } from '../scenario.ts';
import { form, raw, UPLOADS } from '../upload-calls.ts';
import type { Answer } from '../../support/world.ts';

const DAY_MS = 24 * 3_600_000;
const PNG = png(320, 256);
/** Signature and head. */
const PNG_HEAD_BYTES = 33;
const PLACE = pngChunk('tEXt', new TextEncoder().encode('Location\0 52.5200 N 13.4050 E'));
const TAGGED = joinBytes(PNG.subarray(0, PNG_HEAD_BYTES), PLACE, PNG.subarray(PNG_HEAD_BYTES));

describe('an upload', () => {
  let stage: Stage;
  beforeEach(async () => {
    stage = await openStage();
  });
  afterEach(() => stage.close());

  const send = async (call: object, mode: 'live' | 'test' = 'live'): Promise<Answer> =>
    stage.world.call('POST', UPLOADS, { key: keyOf(mode), ...call });
  const keyOf = (mode: 'live' | 'test') => stage.customer[`${mode}Key`];
  const uploaded = async (bytes = PNG, mode: 'live' | 'test' = 'live'): Promise<string> => {
    const { status, json } = await send(raw(bytes), mode);
    expect(status).toBe(201);
    return String(json['uploadId']);
  };
  const order = (referenceImage: unknown, { key = keyOf('live'), idempotencyKey = freshKey() } = {}) =>
    stage.world.call('POST', '/v1/images/generate', {
      ...{ key, idempotencyKey },
      body: { prompt: 'a harbour', referenceImage },
    });
  const given = (at = 0) => stage.provider.calls.submits[at]?.order.reference;
  const storedUploads = async () => {
    const rows = await stage.world.store.read.q.select().from(stage.world.store.read.t.uploads);
    const paths = rows.map(({ fileId: id }) => join(stage.world.dir, 'media', id.slice(-3, -1), id));
    return paths.map((path) => existsSync(path));
  };

  test('is taken as it is and in a form, whatever still format it has, and told what it is', async () => {
    for (const [name, bytes] of Object.entries(await realImages(301, 260))) {
      const type = `image/${name.replace(/.* /, '')}`;
      const calls = [
        raw(bytes, type),
        raw(bytes, 'application/octet-stream'),
        await form(['file', bytes, type]),
      ];
      for (const call of [...calls, await form(['file', bytes])]) {
        const { status, json } = await send(call);
        expect(status).toBe(201);
        expect(json).toMatchObject({ ok: true, contentType: type, width: 301, height: 260, mode: 'live' });
        const { createdAt, expiresAt } = json as { createdAt: string; expiresAt: string };
        expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(DAY_MS);
      }
    }
  });

  test('is what the provider gets, without its metadata, for every order that names it', async () => {
    const id = await uploaded(TAGGED);
    for (const named of [id, { uploadId: id }, { imageUrl: id, strength: 'HIGH' }]) {
      expect((await order(named)).status).toBe(202);
    }
    await stage.world.settle();
    const strengths = [0, 1, 2].map((at) => given(at)?.strength);
    expect(strengths.toSorted((one, other) => String(one).localeCompare(String(other)))).toEqual([
      'HIGH',
      'MID',
      'MID',
    ]);
    for (const at of [0, 1, 2]) expect(given(at)).toMatchObject({ bytes: PNG, contentType: 'image/png' });
  });

  test('survives a crash, and a job that named it survives the end of the upload', async () => {
    const id = await uploaded();
    await stage.world.crash();
    const { json } = await order(id);
    stage.tamper('UPDATE uploads SET delete_at = 1 WHERE id = ?', id);
    await stage.world.advance(120_000);
    expect(await storedUploads()).toEqual([]);
    expect((await stage.untilEnded(String(json['jobId']))).state).toBe('completed');
    expect(given()?.bytes).toEqual(PNG);
  });

  test("is nobody else's, nor the other mode's, nor anybody's after a day", async () => {
    const id = await uploaded();
    const stranger = await stage.world.customer({ credits: 1000 });
    const before = await countEverything(stage.world);
    const refuses = async (reference: unknown, field: string, key = keyOf('live')) => {
      const { status, code, json } = await order(reference, { key });
      expect([status, code]).toEqual([400, 'invalid_reference_image']);
      expect(json).toMatchObject({ error: { param: field, fields: [{ path: field }] } });
      expect(await countEverything(stage.world)).toEqual(before);
      return (json['error'] as { message: string }).message;
    };
    const sentences = [
      await refuses(id, 'referenceImage', stranger.liveKey),
      await refuses(id, 'referenceImage', stranger.testKey),
      await refuses(id, 'referenceImage', keyOf('test')),
      await refuses(id.replace(/.$/, '0'), 'referenceImage'),
    ];
    expect(new Set(sentences).size).toBe(1);
    await refuses({ uploadId: id }, 'referenceImage.uploadId', stranger.liveKey);
    await refuses({ uploadId: 'job_1' }, 'referenceImage.uploadId');
    await refuses({ uploadId: id, imageUrl: 'https://images.example/a.png' }, 'referenceImage');
    stage.world.clock.advance(DAY_MS - 1);
    expect((await order(id)).status).toBe(202);
    stage.world.clock.advance(1);
    expect((await order(id)).code).toBe('invalid_reference_image');
  });

  test('that is gone does not turn a repetition into a refusal', async () => {
    const id = await uploaded();
    const first = await order(id, { idempotencyKey: 'once' });
    stage.world.clock.advance(DAY_MS);
    const again = await order(id, { idempotencyKey: 'once' });
    expect([again.status, again.json['jobId']]).toEqual([202, first.json['jobId']]);
    expect(again.json['idempotentReplay']).toBe(true);
  });

  test('is deleted within a minute after its day, used or not', async () => {
    await order(await uploaded());
    await uploaded();
    expect(await storedUploads()).toEqual([true, true]);
    await stage.world.advance(DAY_MS - 60_000);
    expect(await storedUploads()).toEqual([true, true]);
    await stage.world.advance(120_000);
    expect(await storedUploads()).toEqual([]);
    const files = await Array.fromAsync(new Bun.Glob('**/file_*').scan(join(stage.world.dir, 'media')));
    expect(files.length).toBe(stage.files(await lastJob()).filter(({ role }) => role !== 'reference').length);
  });

  async function lastJob(): Promise<string> {
    const { json } = await stage.world.call('GET', '/v1/jobs?limit=1', { key: keyOf('live') });
    return (json['jobs'] as { jobId: string }[])[0]?.jobId ?? '';
  }

  test('above a hundred is refused, until one was used: that one makes room', async () => {
    const ids: string[] = [];
    for (let count = 0; count < 98; count++) ids.push(await uploaded());
    // Of several at once, as many as there is room for.
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(raw(PNG))));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(2);
    const refused = await send(raw(PNG));
    expect([refused.status, refused.code]).toEqual([429, 'upload_limit_exceeded']);
    expect(refused.json).toMatchObject({ error: { retryable: true, details: { maxUploads: 100 } } });
    expect(Number(refused.headers.get('retry-after'))).toBe(DAY_MS / 1000);
    expect(await storedUploads()).toHaveLength(100);
    await uploaded(PNG, 'test');
    // The one that was used longest ago goes, and not the one that was used first.
    for (const used of [7, 3, 7]) {
      await order(ids[used]);
      stage.world.clock.advance(1000);
    }
    await uploaded();
    expect((await order(ids[3])).code).toBe('invalid_reference_image');
    expect((await order(ids[7])).status).toBe(202);
    stage.world.clock.advance(DAY_MS);
    await uploaded();
  });

  test('is refused on a full disk', async () => {
    await stage.close();
    let freeBytes = Number.MAX_SAFE_INTEGER;
    stage = await openStage([{}], { freeBytes: () => freeBytes });
    const before = await countEverything(stage.world);
    freeBytes = 0;
    stage.world.clock.advance(5000);
    const { status, code } = await send(raw(PNG));
    expect([status, code]).toEqual([503, 'service_unavailable']);
    expect(await countEverything(stage.world)).toEqual(before);
  });

  test.each(['before media.write', 'after media.write', 'before transaction'])(
    'leaves nothing behind when something breaks %s',
    async (broken) => {
      await stage.close();
      let isBroken = false;
      const gateKeeper = (gate: string) => (isBroken && gate === broken ? 'fail' : 'go');
      stage = await openStage([{}], { gateKeeper });
      const before = await countEverything(stage.world);
      isBroken = true;
      const { status, code } = await send(raw(PNG));
      isBroken = false;
      expect([status, code]).toEqual([503, 'service_unavailable']);
      expect(await countEverything(stage.world)).toEqual(before);
    },
  );

  test('that cannot be read now is worth another try', async () => {
    await stage.close();
    let isBroken = false;
    const gateKeeper = (gate: string) => (isBroken && gate === 'before media.open' ? 'fail' : 'go');
    stage = await openStage([{}], { gateKeeper });
    const id = await uploaded();
    isBroken = true;
    expect((await order(id)).code).toBe('service_unavailable');
    isBroken = false;
    expect((await order(id)).status).toBe(202);
  });

  test('leaves nothing behind when its client goes away in the middle of it', async () => {
    const { bytes, headers } = await form(['file', TAGGED, 'image/png']);
    const before = await countEverything(stage.world);
    for (let cut = 0; cut < bytes.length; cut += 7) {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(bytes.slice(0, cut));
          controller.error(new Error('gone'));
        },
      });
      const authorization = `Bearer ${keyOf('live')}`;
      const request = new Request(`http://localhost${UPLOADS}`, {
        method: 'POST',
        body,
        headers: { ...headers, authorization },
      });
      expect((await stage.world.app.handle(request)).status).toBe(400);
    }
    expect(await countEverything(stage.world)).toEqual(before);
  });
});
