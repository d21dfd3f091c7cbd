// The entry of the executable: the process becomes a terminal, the arguments become a command. The only file that
// touches `process`.
import { runCommandLine } from './cli/index.ts';

// Whatever this process writes is for its owner only: database, keys, media, backups.
process.umask(0o077);

/** Writes lines in order; `written` resolves when the last one has left, because exiting does not wait for a pipe. */
function lineWriter(stream: NodeJS.WriteStream) {
  let written: Promise<unknown> = Promise.resolve();
  // A reader that has seen enough (`| head`) closes the pipe, and that is no fault of ours.
  stream.on('error', () => {});
  return {
    write(line: string): void {
      written = new Promise((resolve) => void stream.write(`${line}\n`, resolve));
    },
    written: () => written,
  };
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (thrown) {
    // It exists and belongs to somebody else.
    return thrown instanceof Error && 'code' in thrown && thrown.code === 'EPERM';
  }
}

const [output, notes] = [lineWriter(process.stdout), lineWriter(process.stderr)];

process.exitCode = await runCommandLine(process.argv.slice(2), {
  environment: process.env,
  processId: process.pid,
  userId: process.getuid?.() ?? null,
  print: output.write,
  note: notes.write,
  onStop(handler) {
    process.on('SIGTERM', handler);
    process.on('SIGINT', handler);
  },
  isAlive,
  exit: (code) => process.exit(code),
});
await Promise.all([output.written(), notes.written()]);
// Idle sockets of clients must not keep an ended command alive.
process.exit();
