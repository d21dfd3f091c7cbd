// Runs the scripts of docs/examples as a reader would, each against a real gateway, and looks at the files they leave.
// A slow suite: it waits as long as the sandbox makes its customers wait, and needs curl and Python.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readImageHeader, readMp4Header } from '../../src/media/index.ts';

const ROOT = join(import.meta.dir, '..', '..');
const LANGUAGES = [
  { name: 'curl', command: ['sh'], suffix: 'sh' },
  { name: 'TypeScript', command: [process.execPath], suffix: 'ts' },
  { name: 'Python', command: ['python3'], suffix: 'py' },
] as const;

type Environment = Record<string, string>;

async function run(command: string[], environment: Environment): Promise<string> {
  const child = Bun.spawn(command, {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [output, problems] = [
    await new Response(child.stdout).text(),
    await new Response(child.stderr).text(),
  ];
  if ((await child.exited) !== 0) throw new Error(`${command.join(' ')} failed: ${problems}`);
  return output.trim();
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

async function startGateway(dataDir: string): Promise<{ url: string; stop: () => Promise<void> }> {
  const port = await freePort();
  const child = Bun.spawn([process.execPath, 'src/main.ts', 'serve'], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', SLUICE_DATA_DIR: dataDir, PORT: String(port), LOG_LEVEL: 'warn' },
    stdout: 'inherit',
    stderr: 'pipe',
  });
  const reader = child.stderr.getReader();
  let greeting = '';
  while (!greeting.includes('is running at')) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the gateway did not start: ${greeting}`);
    greeting += new TextDecoder().decode(value);
  }
  return {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      child.kill('SIGTERM');
      await child.exited;
    },
  };
}

async function checkLanguage(
  { command, suffix }: (typeof LANGUAGES)[number],
  environment: Environment,
  folder: string,
) {
  const script = (name: string) => [...command, join('docs', 'examples', `${name}.${suffix}`)];
  const key = await run([...script('operator'), `Example ${suffix}`], environment);
  if (!/^ak_test_\w{38}$/.test(key)) throw new Error(`operator.${suffix} printed something other than a key`);
  await run([...script('generate'), folder], { ...environment, SLUICE_API_KEY: key });
  const image = readImageHeader(readFileSync(join(folder, 'image.png')));
  const video = await readMp4Header(readFileSync(join(folder, 'video.mp4')));
  if (image?.width !== 1376 || image.height !== 768)
    throw new Error('image.png is not the image that was ordered');
  if (video?.width !== 1280 || video.durationMs !== 4000)
    throw new Error('video.mp4 is not the video that was ordered');
}

const scratch = mkdtempSync(join(tmpdir(), 'sluice-examples-'));
const gateway = await startGateway(join(scratch, 'data'));
const environment = {
  GATEWAY_URL: gateway.url,
  MY_PRIVATE_API_KEY: readFileSync(join(scratch, 'data', 'operator.key'), 'utf8').trim(),
};
let failed = 0;
for (const language of LANGUAGES) {
  const folder = mkdtempSync(join(scratch, 'out-'));
  try {
    await checkLanguage(language, environment, folder);
    process.stdout.write(`pass  examples in ${language.name}\n`);
  } catch (thrown) {
    failed += 1;
    process.stdout.write(`FAIL  examples in ${language.name}: ${String(thrown)}\n`);
  }
}
await gateway.stop();
rmSync(scratch, { recursive: true, force: true });
process.stdout.write(`${LANGUAGES.length - failed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);
