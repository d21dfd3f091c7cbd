// Short lives in the simulated world: that they go by without a fault, that the same seed lives the same one, and that
// a fault ends them with the seed that repeats it. `npm run simulate` lives long ones.
import { expect, test } from 'bun:test';
import { rmSync } from 'node:fs';
import { faultOf } from '../support/database.ts';
import { makeTempFolder } from '../support/temp-folder.ts';
import { comeToRest, judge, live } from './life.ts';
import { setStage } from './sim-stage.ts';
import { leaveStage, simulate } from './simulation.ts';

test('a life with deaths in it goes by, and the same seed lives it again', async () => {
  const first = await simulate({ seed: 3, jobs: 300, wholeAuditAfter: 25 });
  expect(first.jobs).toBeGreaterThanOrEqual(300);
  expect(first.deaths).toBeGreaterThan(0);
  expect(first.endings['completed']).toBeGreaterThan(100);
  expect(await simulate({ seed: 3, jobs: 300, wholeAuditAfter: 25 })).toEqual(first);
});

test('another seed lives another life', async () => {
  const [one, other] = [await simulate({ seed: 1, jobs: 60 }), await simulate({ seed: 2, jobs: 60 })];
  expect(one.digest).not.toBe(other.digest);
});

test('what is found wrong ends a life, and names the command that repeats it', async () => {
  const dir = makeTempFolder('sluice-sim-');
  const stage = await setStage(dir, 4);
  const options = { seed: 4, jobs: 40 };
  await live(stage, options);
  stage.faults.push('the world is out of joint');
  const fault = await faultOf(() => comeToRest(stage, options));
  expect(fault).toContain('npm run simulate -- --seed 4 --jobs 40');
  expect(fault).toContain('the world is out of joint');
  expect(await faultOf(() => judge({ ...stage, faults: [] }, options))).toBe('no fault');
  await leaveStage(stage);
  rmSync(dir, { recursive: true, force: true });
});
