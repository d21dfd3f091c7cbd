// What customers ask for in a simulation: images and videos of all kinds, with and without references.
import { tinyPng } from '../support/tiny-media.ts';
import type { Dice } from './dice.ts';

const DIRECTIVES = [
  '',
  '',
  '',
  '',
  '',
  '',
  ' [test:fail]',
  ' [test:reject]',
  ' [test:slow]',
  ' [test:503]',
] as const;
const IMAGE_SIZES = ['16:9_SMALL', '1:1_SMALL', '2:3_SMALL', '9:16_SMALL'] as const;
const VIDEO_SIZES = ['16:9_SMALL', '9:16_SMALL', '1:1_SMALL'] as const;
const REFERENCES = [
  'https://pictures.example/good.png',
  'https://pictures.example/shaky.png',
  'https://pictures.example/missing.png',
  'https://pictures.example/page.html',
] as const;
const INLINE = tinyPng(256, 256).toBase64();

export function makeBody(dice: Dice, { mode, type, made }: { mode: string; type: string; made: number }) {
  const prompt = `order ${made}${mode === 'test' ? dice.pick(DIRECTIVES) : ''}`;
  const reference = dice.isHit(0.15)
    ? { referenceImage: dice.isHit(0.3) ? INLINE : { imageUrl: dice.pick(REFERENCES), strength: 'LOW' } }
    : {};
  if (type === 'image') {
    return { prompt, size: dice.pick(IMAGE_SIZES), quality: dice.pick(['LOW', 'MEDIUM']), ...reference };
  }
  const duration = dice.between(4, 15);
  return { prompt, size: dice.pick(VIDEO_SIZES), duration, motionHasAudio: dice.isHit(0.5), ...reference };
}
