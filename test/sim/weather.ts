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
};

export type Climate = {
  /** The chance at each gate that the process dies there. */
  deathAtGate: number;
  /** The chance at a tick that trouble begins, and for how many ticks at most it lasts. */
  trouble: Readonly<Record<Trouble, { chance: number; maxTicks: number }>>;
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

const CLIMATE: Climate = {
  deathAtGate: 1 / 20_000,
  trouble: {
    'broken disk': { chance: 1 / 400, maxTicks: 12 },
    'full disk': { chance: 1 / 300, maxTicks: 20 },
    'broken media': { chance: 1 / 200, maxTicks: 30 },
    'leonardo down': { chance: 1 / 150, maxTicks: 60 },
    'other down': { chance: 1 / 150, maxTicks: 60 },
    'third down': { chance: 1 / 100, maxTicks: 100 },
  },
};

export function createWeather(dice: Dice, { deathAtGate, trouble }: Climate = CLIMATE): Weather {
  const ticksLeft = new Map<Trouble, number>();
  let spared = 0;
  let isClear = true;
  const is = (name: Trouble) => (ticksLeft.get(name) ?? 0) > 0;

  return {
    turn() {
      spared = Math.max(0, spared - 1);
      if (isClear) return;
      for (const name of TROUBLES) {
        const left = ticksLeft.get(name) ?? 0;
        const { chance, maxTicks } = trouble[name];
        ticksLeft.set(name, left > 0 ? left - 1 : dice.isHit(chance) ? dice.between(1, maxTicks) : 0);
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
    keeper(gate): Verdict {
      if (isClear) return 'go';
      if (spared === 0 && dice.isHit(deathAtGate)) return 'die';
      if (gate === 'before transaction' && is('broken disk')) return 'fail';
      if (gate.startsWith('before media.') && is('broken media')) return dice.isHit(0.7) ? 'fail' : 'go';
      return 'go';
    },
    isDiskBroken: () => is('broken disk'),
    isDiskFull: () => is('full disk'),
    isDown: (provider) => is(`${provider} down` as Trouble),
  };
}
