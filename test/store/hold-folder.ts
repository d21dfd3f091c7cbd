// A second process for a test: opens the gateway on a data folder, says so, and stays until it is killed or its
// parent is gone.
import { parseConfig } from '../../src/config.ts';
import { messageOf } from '../../src/errors.ts';
import { openGateway } from '../../src/gateway.ts';
import { systemRuntime } from '../../src/runtime/index.ts';
import { isInTransaction } from '../../src/store/group-commit.ts';

const config = parseConfig({ SLUICE_DATA_DIR: process.argv[2] });
const runtime = systemRuntime({ level: 'silent', isInTransaction });
try {
  await openGateway({ config, runtime, publicUrl: () => '' });
  process.stdout.write('open\n');
  for await (const _ of Bun.stdin.stream());
  process.exit();
} catch (thrown) {
  process.stdout.write(`${messageOf(thrown)}\n`);
  process.exit(3);
}
