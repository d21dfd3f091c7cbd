// A server of the bench in a process of its own.
import { join } from 'node:path';
import type { ServerReport } from './cases.ts';

export type RunningServer = { report: ServerReport; stop(): Promise<void> };

export async function startServer(file: string): Promise<RunningServer> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, file)], {
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const reader = child.stdout.getReader();
  let text = '';
  while (!text.includes('\n')) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`${file} ended before it listened`);
    text += new TextDecoder().decode(value);
  }
  return {
    report: JSON.parse(text) as ServerReport,
    async stop() {
      child.kill('SIGKILL');
      await child.exited;
    },
  };
}
