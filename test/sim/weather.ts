// What the outside is like at a moment: whether the disk takes writes, whether providers are up, and where the process
// is to die. Conditions come and go with the ticks of a simulation.
import type { GateKeeper, Verdict } from '../support/mortal.ts';
import type { Dice } from './dice.ts';

export type Weather = {
  /** Rolls the conditions of the next tick. */
  turn(): void;
  /** Until this everything works. */
  begin(): void;
  /** From now on everything works. */
  clear(): void;
  readonly keeper: GateKeeper;
  /** Whether a process may die now. */
  mayDie(): boolean;
  /** No process dies for so many ticks. */
  spare(ticks: number): void;
  isDiskBroken(): boolean;
  isDiskFull(): boolean;
  isDown(provider: string): boolean;
  /** How often each trouble has begun, and how often it was felt at a gate. */
  readonly counts: Readonly<Record<string, number>>;
};

const TROUBLES = [
  'broken disk',
  'full disk',
  'broken media',
  'leonardo down',
  'other down',
  'third down',
] as const;
type Trouble = (typeof TROUBLES)[number];

/** The chance at each gate that the process dies there. */
const DEATH_AT_GATE = 1 / 8000;
/** How often a broken media store fails. */
const MEDIA_FAILS = 0.7;
/** The chance at a tick that trouble begins, and for how many ticks at most it lasts. */
const CLIMATE: Readonly<Record<Trouble, { chance: number; maxTicks: number }>> = {
  'broken disk': { chance: 1 / 250, maxTicks: 12 },
  'full disk': { chance: 1 / 300, maxTicks: 20 },
  'broken media': { chance: 1 / 200, maxTicks: 30 },
  'leonardo down': { chance: 1 / 150, maxTicks: 60 },
  'other down': { chance: 1 / 150, maxTicks: 60 },
  'third down': { chance: 1 / 100, maxTicks: 100 },
};

export function createWeather(dice: Dice): Weather {
  const ticksLeft = new Map<Trouble, number>();
  const counts: Record<string, number> = {};
  let spared = 0;
  let isClear = true;
  const is = (name: Trouble) => (ticksLeft.get(name) ?? 0) > 0;
  const count = (name: string) => {
    counts[name] = (counts[name] ?? 0) + 1;
  };

  function begins(name: Trouble): number {
    const { chance, maxTicks } = CLIMATE[name];
    if (!dice.isHit(chance)) return 0;
    count(name);
    return dice.between(1, maxTicks);
  }

  function judge(gate: string): Verdict {
    if (isClear) return 'go';
    if (spared === 0 && dice.isHit(DEATH_AT_GATE)) return 'die';
    if (gate === 'before transaction' && is('broken disk')) return 'fail';
    if (gate.startsWith('before media.') && is('broken media'))
      return dice.isHit(MEDIA_FAILS) ? 'fail' : 'go';
    return 'go';
  }

  return {
    turn() {
      spared = Math.max(0, spared - 1);
      if (isClear) return;
      for (const name of TROUBLES) {
        const left = ticksLeft.get(name) ?? 0;
        ticksLeft.set(name, left > 0 ? left - 1 : begins(name));
      }
    },
    begin() {
      isClear = false;
    },
    clear() {
      isClear = true;
      ticksLeft.clear();
    },
    mayDie: () => !isClear && spared === 0,
    spare(ticks) {
      spared = Math.max(spared, ticks);
    },
    keeper(gate) {
      const verdict = judge(gate);
      if (verdict === 'die') count('deaths at gates');
      if (verdict === 'fail') count(`failures ${gate}`);
      return verdict;
    },
    isDiskBroken: () => is('broken disk'),
    isDiskFull: () => is('full disk'),
    isDown: (provider) => is(`${provider} down` as Trouble),
    counts,
  };
}
