// `npm run build`: one executable that needs nothing beside it. The same source gives the same bytes, wherever the
// checkout lies. It reads no git and no clock.
import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sha256Hex } from '../crypto.ts';
import { VERSION } from '../version.ts';

/** What can be built, by the name that the `#sqlite` conditions of package.json carry. */
const TARGETS = {
  'linux-x64': 'bun-linux-x64',
  'linux-arm64': 'bun-linux-arm64',
  'linuxmusl-x64': 'bun-linux-x64-musl',
  'linuxmusl-arm64': 'bun-linux-arm64-musl',
  'darwin-x64': 'bun-darwin-x64',
  'darwin-arm64': 'bun-darwin-arm64',
  'win32-x64': 'bun-windows-x64',
} as const satisfies Record<string, Bun.Build.CompileTarget>;
type Target = keyof typeof TARGETS;

const ROOT = join(import.meta.dir, '..', '..');
const SOURCE = join(ROOT, 'src');
/** Every worker is an entry of its own; it is found in the executable by its path below `src`. */
const ENTRIES = ['main.ts', 'testcard/worker.ts'];

const { values } = parseArgs({ options: { target: { type: 'string' } } });
const target = values.target ?? `${process.platform}-${process.arch}`;
if (isTarget(target)) {
  // The name of the file is part of its bytes, so it is the same for every target.
  await build(target, join(ROOT, 'dist', ...(values.target === undefined ? [] : [target]), 'sluice'));
} else {
  console.error(`There is no target "${target}"; there are ${Object.keys(TARGETS).join(', ')}.`);
  process.exitCode = 2;
}

function isTarget(name: string): name is Target {
  return name in TARGETS;
}

async function build(name: Target, outfile: string): Promise<void> {
  const { outputs } = await Bun.build({
    entrypoints: ENTRIES.map((entry) => join(SOURCE, entry)),
    root: SOURCE,
    conditions: [`sluice-${name}`],
    compile: {
      target: TARGETS[name],
      outfile,
      // Else a `.env` or a `bunfig.toml` in the folder where it is started would decide what it does and runs.
      autoloadDotenv: false,
      autoloadBunfig: false,
    },
    // Not minified: Elysia reads the source of its handlers, and with white space gone it misses what they use.
    minify: false,
    // Halves the time to the first answer.
    bytecode: true,
    format: 'esm',
    // Stack traces name the files of the source; they cost no time at start.
    sourcemap: 'inline',
    // Else every module that mentions them carries the path of this checkout.
    define: { __dirname: '"/sluice"', __filename: '"/sluice"' },
  });
  // They are inside the executable too.
  for (const output of outputs) if (output.kind === 'sourcemap') unlinkSync(output.path);
  const path = name.startsWith('win32') ? `${outfile}.exe` : outfile;
  const bytes = await Bun.file(path).bytes();
  console.log(`Sluice ${VERSION} for ${name}: ${path}`);
  console.log(`${(bytes.length / 2 ** 20).toFixed(1)} MiB, SHA-256 ${sha256Hex(bytes)}`);
}
