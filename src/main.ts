// The entry of the executable: the process becomes a terminal, the arguments become a command. The only file that
// touches `process`.
import { runCommandLine } from './cli/index.ts';

// Whatever this process writes is for its owner only: database, keys, media, backups.
process.umask(0o077);

process.exitCode = await runCommandLine(process.argv.slice(2), {
  environment: process.env,
  print: (line) => void process.stdout.write(`${line}\n`),
  note: (line) => void process.stderr.write(`${line}\n`),
  onStop(handler) {
    process.on('SIGTERM', handler);
    process.on('SIGINT', handler);
  },
  exit: (code) => process.exit(code),
});
// Idle sockets of clients must not keep an ended command alive.
process.exit();
