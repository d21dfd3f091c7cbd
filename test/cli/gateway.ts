// A gateway that listens in the test's own process, on a free port, for commands that are to find it.
import { parseConfig } from '../../src/config.ts';
import { listen, type Listening } from '../../src/cli/listen.ts';
import { systemRuntime, type Runtime } from '../../src/runtime/index.ts';
import { isInTransaction } from '../../src/store/group-commit.ts';

export function quietRuntime(): Runtime {
  return systemRuntime({ level: 'silent', isInTransaction });
}

export function startGateway(dataDir: string, settings: Record<string, string> = {}): Promise<Listening> {
  const config = parseConfig({ SLUICE_DATA_DIR: dataDir, PORT: '0', ...settings });
  return listen(config, quietRuntime(), process.pid);
}
