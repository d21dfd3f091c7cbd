// Requests that only somebody who writes bytes himself can send, against a real socket.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { countEverything, freshKey, openScene, type Scene } from './scenario.ts';
import { openPort, type Port } from './socket.ts';

let scene: Scene;
let port: Port;

beforeAll(async () => {
  scene = await openScene();
  port = openPort(scene.world);
});
afterAll(async () => {
  await port.close();
  await scene.world.close();
});

const BODY = '{"prompt":"a"}';

/** The head of a generate request, with lines of its own at the end. */
function head(...lines: string[]): string {
  return [
    'POST /v1/images/generate HTTP/1.1',
    'Host: api.example.com',
    `Authorization: Bearer ${scene.customer.testKey}`,
    'Content-Type: application/json',
    `Idempotency-Key: ${freshKey()}`,
    ...lines,
    '',
    '',
  ].join('\r\n');
}

function get(path: string, ...lines: string[]): string {
  return [`GET ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n');
}

const bearer = () => `Authorization: Bearer ${scene.customer.testKey}`;

test('a whole request on a raw socket is accepted', async () => {
  const answer = await port.send(head(`Content-Length: ${BODY.length}`) + BODY);
  expect(answer?.status).toBe(202);
});

test('a body in chunks is accepted', async () => {
  const answer = await port.send(head('Transfer-Encoding: chunked'), `e\r\n${BODY}\r\n`, '0\r\n\r\n');
  expect(answer?.status).toBe(202);
});

for (const name of ['authorization', 'host', 'content-type', 'x-api-key', 'idempotency-key']) {
  for (const isSame of [true, false]) {
    test(`two headers ${name}, ${isSame ? 'equal' : 'different'}, are refused`, async () => {
      const before = await countEverything(scene.world);
      const values: Record<string, string> = {
        authorization: `Bearer ${scene.customer.testKey}`,
        host: 'api.example.com',
        'content-type': 'application/json',
        'x-api-key': 'x',
        'idempotency-key': freshKey(),
      };
      const lines = Object.entries(values).map(([header, value]) => `${header}: ${value}`);
      const other = isSame ? values[name] : `${values[name]}2`;
      const text = [
        'POST /v1/images/generate HTTP/1.1',
        ...lines,
        `${name}: ${other}`,
        `content-length: ${BODY.length}`,
        '',
        BODY,
      ];
      const answer = await port.send(text.join('\r\n'));
      const code = name === 'idempotency-key' ? 'invalid_idempotency_key' : 'invalid_input';
      expect({ status: answer?.status, code: answer?.json['code'] }).toEqual({ status: 400, code });
      expect(answer?.json).toMatchObject({
        error: { param: name === 'idempotency-key' ? 'Idempotency-Key' : name },
      });
      expect(await countEverything(scene.world)).toEqual(before);
    });
  }
}

test('the scheme of a bearer key may be written in lower case', async () => {
  const answer = await port.send(
    get('/v1/usage', 'host: api.example.com', `authorization: bearer ${scene.customer.testKey}`),
  );
  expect(answer?.status).toBe(200);
});

for (const [name, header] of [
  ['a space', 'a b'],
  ['a path', 'a/b'],
  ['a user', 'user:secret@api.example.com'],
  ['an open bracket', '[::1'],
  ['a backslash', String.raw`a\b`],
] as const) {
  test(`a host with ${name} is refused`, async () => {
    const answer = await port.send(get('/v1/usage', `Host: ${header}`, bearer()));
    expect(answer?.json).toMatchObject({ code: 'invalid_input', error: { param: 'host' } });
  });
}

for (const host of ['a', 'gw', 'abc', 'x.io', '[::1]', '[::1]:80', 'API.example.com:8080', '']) {
  test(`the path is found behind the host "${host}"`, async () => {
    const found = await port.send(get('/v1/usage', `Host: ${host}`, bearer()));
    expect(found?.json).toMatchObject({ ok: true, mode: 'test' });
    const missing = await port.send(get('/x/v1/usage', `Host: ${host}`, bearer()));
    expect(missing?.json).toMatchObject({ code: 'route_not_found' });
  });
}

test('a body finds its way also behind a short host', async () => {
  const lines = [
    'POST /v1/estimate HTTP/1.1',
    'Host: gw',
    bearer(),
    'Content-Type: application/json',
    'Content-Length: 16',
  ];
  const answer = await port.send([...lines, '', '{"type":"image"}'].join('\r\n'));
  expect(answer?.json).toEqual({ ok: true, credits: 20 });
});

test('HTTP/1.0 without a host is answered', async () => {
  expect((await port.send('GET /health HTTP/1.0\r\n\r\n'))?.json).toEqual({ ok: true, status: 'up' });
});

for (const method of ['TRACE', 'CONNECT', 'PROPFIND', 'OPTIONS']) {
  test(`${method} is answered with the methods that there are`, async () => {
    const answer = await port.send(`${method} /v1/usage HTTP/1.1\r\nHost: api.example.com\r\n\r\n`);
    expect(answer?.json).toMatchObject({ code: 'method_not_allowed' });
    expect(answer?.headers.get('allow')).toBe('GET, HEAD');
  });
}

for (const [name, lines] of [
  ['two lengths', ['Content-Length: 14', 'Content-Length: 15']],
  ['a length and chunks', ['Content-Length: 14', 'Transfer-Encoding: chunked']],
  ['a negative length', ['Content-Length: -1']],
  ['a length past every number', ['Content-Length: 100000000000000000000']],
  ['a folded header', ['X-Folded: a', ' b', 'Content-Length: 14']],
  ['a NUL in a header', ['X-Nul: a\0b', 'Content-Length: 14']],
] as const) {
  test(`${name}: refused, and nothing happens`, async () => {
    const before = await countEverything(scene.world);
    expect((await port.send(head(...lines) + BODY))?.status).toBe(400);
    expect(await countEverything(scene.world)).toEqual(before);
  });
}

test('a declared size over the cap is refused before a byte of the body is sent', async () => {
  const before = await countEverything(scene.world);
  const answer = await port.send(head('Content-Length: 15000000'));
  expect(answer?.status).toBe(413);
  expect(answer?.json).toMatchObject({
    code: 'payload_too_large',
    error: { details: { maxBytes: 14_680_064 } },
  });
  expect(await countEverything(scene.world)).toEqual(before);
});

const MEBIBYTE = Buffer.alloc(1024 * 1024, 'a');
const chunks = (count: number) =>
  Array.from({ length: count }, () => ['100000\r\n', MEBIBYTE, '\r\n']).flat();

test('a body in chunks over the cap is refused where the cap is', async () => {
  const answer = await port.send(head('Transfer-Encoding: chunked'), ...chunks(15), '0\r\n\r\n');
  expect({ status: answer?.status, code: answer?.json['code'] }).toEqual({
    status: 413,
    code: 'payload_too_large',
  });
});

test('an endless body is refused without its end', async () => {
  const answer = await port.send(head('Transfer-Encoding: chunked'), ...chunks(20));
  expect(answer?.status).toBe(413);
});

test('without a key nobody makes the gateway read a body', async () => {
  const text = head('Transfer-Encoding: chunked').replace(/Authorization.*\r\n/, '');
  const answer = await port.send(text, '100000\r\n', MEBIBYTE);
  expect({ status: answer?.status, code: answer?.json['code'] }).toEqual({
    status: 401,
    code: 'authentication_required',
  });
});

test('an upload that is cut leaves nothing behind, and its key is free', async () => {
  const before = await countEverything(scene.world);
  const text = head('Content-Length: 1000');
  await port.sendAndCut(text + BODY);
  await port.sendAndCut(
    text.replace('Content-Length: 1000', 'Transfer-Encoding: chunked') + `e\r\n${BODY}\r\n`,
  );
  const whole = await port.send(text.replace('1000', String(BODY.length)) + BODY);
  expect(whole?.json).toMatchObject({ idempotentReplay: false });
  expect(await countEverything(scene.world)).toMatchObject({ jobs: (before['jobs'] ?? 0) + 1 });
  expect(scene.world.log.filter(({ level }) => level === 'error')).toEqual([]);
});

test('a head above 20 kB, and a request line above 8 kB, are refused', async () => {
  expect(
    (await port.send(get('/health', 'Host: a.example.com', `X-Long: ${'x'.repeat(30_000)}`)))?.status,
  ).toBe(431);
  const answer = await port.send(get(`/health?${'x'.repeat(8200)}`, 'Host: a.example.com'));
  expect(answer?.json).toMatchObject({ code: 'invalid_input', error: { param: 'url' } });
});

test('Expect: 100-continue is answered, and the request served', async () => {
  const answer = await port.send(head(`Content-Length: ${BODY.length}`, 'Expect: 100-continue') + BODY);
  expect(answer?.status).toBe(202);
});
