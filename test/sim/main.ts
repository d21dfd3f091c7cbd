// placeholder
import { simulate } from './simulation.ts';
const seed = Number(process.argv[2] ?? 1),
  jobs = Number(process.argv[3] ?? 1000);
const t = performance.now();
const r = await simulate({ seed, jobs });
const s = (performance.now() - t) / 1000;
console.log(r, s.toFixed(1), 's', (r.jobs / s).toFixed(0), 'jobs/s');
