// The reference page in Chromium with every other host cut off: it shows, fits, follows light and dark, calls this
// gateway with a pasted key, and asks nobody else for anything. Slow, and no part of `bun test test`:
// `bun test ./test/browser/reference.ts`. Pictures are left in a temporary folder that the end names.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { assert } from '../../src/errors.ts';
import { openWorld, type TestCustomer, type World } from '../support/world.ts';

const VIEWS = [
  { width: 375, height: 812 },
  { width: 1440, height: 900 },
] as const;
const SCHEMES = ['light', 'dark'] as const;
const PATIENCE_MS = 15_000;

let world: World;
let customer: TestCustomer;
let server: ReturnType<typeof Bun.serve>;
let browser: Browser;
let origin: string;
const pictures = mkdtempSync(join(tmpdir(), 'sluice-reference-'));

beforeAll(async () => {
  world = await openWorld();
  customer = await world.customer();
  server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: (request, socket) => world.app.handle(request, socket),
  });
  // Not the public URL of the test world: the page must call where it was opened.
  origin = `http://127.0.0.1:${server.port}`;
  const executablePath = Bun.which('chromium') ?? Bun.which('chromium-browser') ?? Bun.which('google-chrome');
  assert(executablePath, 'Chromium is installed');
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
});
afterAll(async () => {
  await browser.close();
  await server.stop(true);
  await world.close();
  console.error(`Pictures: ${pictures}`);
});

type Visit = { page: Page; foreign: string[]; errors: string[]; close(): Promise<void> };

/** Opens the page at a place of it, and notes whatever goes wrong. */
async function visit(options: {
  view?: (typeof VIEWS)[number];
  colorScheme?: (typeof SCHEMES)[number];
  place?: string;
}): Promise<Visit> {
  const { view = VIEWS[1], colorScheme = 'light', place = '' } = options;
  const context = await browser.newContext({ viewport: view, colorScheme });
  const [foreign, errors]: [string[], string[]] = [[], []];
  await context.route('**/*', (route) => {
    const url = new URL(route.request().url());
    if (url.origin === origin || !url.protocol.startsWith('http')) return route.continue();
    foreign.push(url.href);
    return route.abort();
  });
  const page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(error.message));
  await page.goto(`${origin}/docs${place}`);
  await page.getByRole('heading', { name: 'Sluice', exact: true }).waitFor({ timeout: PATIENCE_MS });
  return { page, foreign, errors, close: () => context.close() };
}

/** From 0 (black) to 255. */
function brightnessOf(page: Page): Promise<number> {
  // As text, because these names are the browser's.
  return page.evaluate<number>(`
    getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3)
      .reduce((sum, part) => sum + Number(part) / 3, 0)`);
}

for (const view of VIEWS) {
  for (const colorScheme of SCHEMES) {
    test(`shows at ${view.width} px in ${colorScheme}, alone and without an error`, async () => {
      const { page, foreign, errors, close } = await visit({ view, colorScheme });
      const name = `${view.width}-${colorScheme}`;
      await page.screenshot({ path: join(pictures, `${name}.png`) });
      expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBe(view.width);
      expect((await brightnessOf(page)) > 128).toBe(colorScheme === 'light');
      await page.goto(`${origin}/docs#tag/job-api/POST/v1/images/generate`);
      await page.getByRole('heading', { name: 'Make an image' }).first().waitFor({ timeout: PATIENCE_MS });
      await page.screenshot({ path: join(pictures, `${name}-operation.png`) });
      expect({ foreign, errors }).toEqual({ foreign: [], errors: [] });
      await close();
    });
  }
}

describe('a try', () => {
  test('calls this gateway with the pasted key and shows the answer', async () => {
    const { page, foreign, errors, close } = await visit({ place: '#tag/account/GET/v1/usage' });
    const sent = page.waitForRequest(`${origin}/v1/usage`, { timeout: PATIENCE_MS });
    const answer = page.waitForResponse(`${origin}/v1/usage`, { timeout: PATIENCE_MS });
    await send(page, '/v1/usage', customer.testKey);
    expect((await sent).headers()['authorization']).toBe(`Bearer ${customer.testKey}`);
    expect((await answer).status()).toBe(200);
    await page.getByText('100000').first().waitFor({ timeout: PATIENCE_MS });
    await page.screenshot({ path: join(pictures, 'try.png') });
    expect({ foreign, errors }).toEqual({ foreign: [], errors: [] });
    await close();
  });

  test('sends a body', async () => {
    const { page, close } = await visit({ place: '#tag/job-api/POST/v1/estimate' });
    const answer = page.waitForResponse(`${origin}/v1/estimate`, { timeout: PATIENCE_MS });
    await send(page, '/v1/estimate', customer.testKey);
    expect(await (await answer).json()).toEqual({ ok: true, credits: 9000 });
    await close();
  });
});

async function send(page: Page, path: string, key: string): Promise<void> {
  await page
    .getByRole('button', { name: new RegExp(`Test Request.*${path}`) })
    .click({ timeout: PATIENCE_MS });
  const client = page.getByRole('dialog');
  await client.getByPlaceholder('Token').fill(key);
  await client.getByRole('button', { name: /^Send/ }).first().click({ timeout: PATIENCE_MS });
}
