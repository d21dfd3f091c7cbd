// `sluice serve`: runs the gateway until it is told to stop.
import { messageOf } from '../errors.ts';
import { welcome } from '../first-start.ts';
import { systemRuntime } from '../runtime/index.ts';
import { isInTransaction } from '../store/group-commit.ts';
import { VERSION } from '../version.ts';
import { CONFIG_OPTION, EXIT, type Command, type Terminal } from './command.ts';
import { listen, type Listening } from './listen.ts';
import { readConfig } from './settings.ts';

export const serve: Command = {
  name: 'serve',
  summary: 'run the gateway',
  details:
    'Listens on HOST:PORT until SIGTERM or SIGINT, then answers what is under way, hands its jobs back and ends ' +
    'within 25 seconds; a second signal ends it at once. Nothing that was accepted is lost either way.',
  options: CONFIG_OPTION,
  example: 'PORT=9000 sluice serve',
  async run(invocation) {
    const { terminal } = invocation;
    const config = readConfig(invocation);
    const runtime = systemRuntime({ level: config.logLevel, isInTransaction });
    // From the first moment on: a signal during the start ends it just as orderly.
    const stopped = untilStopped(terminal);
    const listening = await listen(config, runtime, terminal.processId);
    const testKey = await welcome(listening.gateway);
    // In one piece, so that whoever reads it for a script finds all of it or nothing.
    terminal.note(greeting(listening, testKey).join('\n'));
    await stopped;
    terminal.note('Stopping: no new requests; open work is finished or handed back.');
    try {
      await listening.stop();
      return EXIT.ok;
    } catch (thrown) {
      terminal.note(`Stopping failed, which loses nothing: ${messageOf(thrown)}`);
      return EXIT.failed;
    } finally {
      runtime.log.flush();
    }
  },
};

function untilStopped(terminal: Terminal): Promise<void> {
  return new Promise((resolve) => {
    let signals = 0;
    terminal.onStop(() => {
      signals += 1;
      if (signals > 1) terminal.exit(EXIT.failed);
      resolve();
    });
  });
}

function greeting({ url, gateway }: Listening, testKey: string | null): string[] {
  const lines = ['', `Sluice ${VERSION} is running at ${url}`, ''];
  lines.push(`  Data           ${gateway.folder.dir}`);
  lines.push(`  Operator key   ${gateway.operatorKeyFile ?? 'from MY_PRIVATE_API_KEY'}`);
  lines.push(`  Reference      ${url}/docs`);
  if (testKey === null) return [...lines, ''];
  return [
    ...lines,
    `  Test key       ${testKey}   (shown only now)`,
    '',
    'Make your first image:',
    '',
    `curl -sS ${url}/v1/images/generate \\`,
    `  -H 'Authorization: Bearer ${testKey}' \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -H 'Idempotency-Key: my-first-image' \\`,
    `  -H 'Prefer: wait=30' \\`,
    `  -d '{"prompt":"A lighthouse at dawn"}'`,
    '',
  ];
}
