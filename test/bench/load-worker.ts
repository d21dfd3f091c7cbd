// The second process of the bench: runs one case and prints its figures as JSON.
import { acceptShot, readShot, type ServerReport } from './cases.ts';
import { runLoad } from './load.ts';

type Order = {
  server: ServerReport;
  shots: 'accept' | 'read';
  connections: number;
  warmUpMs: number;
  measureMs: number;
};

const order = JSON.parse(process.argv[2] ?? '') as Order;
const { server, shots, connections, warmUpMs, measureMs } = order;
const shot = shots === 'accept' ? acceptShot(server) : readShot(server);
const result = await runLoad({ port: server.port, connections, warmUpMs, measureMs, shot });
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exit(0);
