// The models at Runway: the path of each, the sizes that it makes there, and what it costs in credits.
import type { CostRule, Order, ServedModel } from './provider.ts';
import { only, SEEDANCE_SIZES, SEEDANCE_SMALL_SIZES } from './sizes.ts';

type Path = 'text_to_video' | 'image_to_video' | 'text_to_image';
type Model = ServedModel & {
  /** Without and with a reference; absent for what it does not make. Each with its sizes. */
  plain?: { path: Path; sizes: readonly string[] };
  withReference?: { path: Path; sizes: readonly string[] };
  seconds?: readonly number[];
  hasAudio?: boolean;
  maxPrompt: number;
};

const credits = (per: CostRule['per'], rates: CostRule['rates']): CostRule => {
  return { per, unit: 'credits', rates, source: 'runwayml/skills rw-api-reference', asOf: '2026-04-15' };
};
const from = (least: number, most: number) => Array.from({ length: most - least + 1 }, (_, at) => least + at);
const WIDE = ['1280x720', '720x1280'];
const FRAMED = [...WIDE, '1104x832', '960x960', '832x1104', '1584x672'];
const SCREENS = [...WIDE, '1920x1080', '1080x1920'];
const STILLS = [
  ...['1024x1024', '1080x1080', '1168x880', '1360x768', '1440x1080', '1080x1440', '1808x768', '1920x1080'],
  ...['1080x1920', '2112x912', '1280x720', '720x1280', '720x720', '960x720', '720x960', '1680x720'],
];
const image = (raw: string, rates: CostRule['rates']): Model => {
  const stills = { path: 'text_to_image', sizes: STILLS } as const;
  return { raw, cost: credits('job', rates), maxPrompt: 1000, plain: stills, withReference: stills };
};
const veo = (raw: string, silent: string, sound: string): Model => ({
  ...{ raw, seconds: [4, 6, 8], hasAudio: true, maxPrompt: 1000 },
  cost: credits('second', [{ when: { hasAudio: true }, amount: sound }, { amount: silent }]),
  plain: { path: 'text_to_video', sizes: SCREENS },
  withReference: { path: 'image_to_video', sizes: SCREENS },
});
const seedance = (raw: string, sizes: readonly string[], cost: CostRule | null): Model => {
  const guided = { path: 'text_to_video', sizes } as const;
  return {
    raw,
    cost,
    seconds: from(4, 15),
    hasAudio: true,
    maxPrompt: 3500,
    plain: guided,
    withReference: guided,
  };
};
const SMALL = [...SEEDANCE_SMALL_SIZES.keys()];

type RunwayPlan = { model: Model; path: Path };

export const RUNWAY_MODELS: Readonly<Record<string, Model>> = {
  'runway/gen-4.5': {
    ...{ raw: 'gen4.5', cost: credits('second', [{ amount: '12' }]), seconds: from(2, 10), maxPrompt: 1000 },
    plain: { path: 'text_to_video', sizes: WIDE },
    withReference: { path: 'image_to_video', sizes: FRAMED },
  },
  'runway/gen-4-turbo': {
    ...{
      raw: 'gen4_turbo',
      cost: credits('second', [{ amount: '5' }]),
      seconds: from(2, 10),
      maxPrompt: 1000,
    },
    withReference: { path: 'image_to_video', sizes: FRAMED },
  },
  'runway/gen-4-image': image('gen4_image', [
    { when: { maxPixels: 1_000_000 }, amount: '5' },
    { amount: '8' },
  ]),
  'runway/gen-4-image-turbo': {
    ...{ raw: 'gen4_image_turbo', cost: credits('job', [{ amount: '2' }]), maxPrompt: 1000 },
    withReference: { path: 'text_to_image', sizes: STILLS },
  },
  'google/veo-3.1': veo('veo3.1', '20', '40'),
  'google/veo-3.1-fast': veo('veo3.1_fast', '10', '15'),
  'bytedance/seedance-2.0': seedance(
    'seedance2',
    // At 480 lines it costs the same, which is a loss.
    [...only(SEEDANCE_SIZES, ['720p', '1080p', '4k']).keys()],
    credits('second', [{ amount: '36' }]),
  ),
  'bytedance/seedance-2.0-fast': seedance('seedance2_fast', SMALL, null),
  'bytedance/seedance-2.0-mini': seedance('seedance2_mini', SMALL, null),
};

/** Where an order goes; null when the model does not make it. */
export function runwayPlanOf(order: Order): RunwayPlan | null {
  const model = Object.hasOwn(RUNWAY_MODELS, order.model) ? RUNWAY_MODELS[order.model] : undefined;
  const way = order.reference === undefined ? model?.plain : model?.withReference;
  if (model === undefined || way === undefined || order.quality !== undefined) return null;
  if ((model.seconds === undefined) !== (order.type === 'image') || (order.hasAudio && !model.hasAudio))
    return null;
  if (model.seconds?.includes(order.durationSeconds ?? 0) === false || order.prompt.length > model.maxPrompt)
    return null;
  return way.sizes.includes(`${order.width}x${order.height}`) ? { model, path: way.path } : null;
}

/** What is sent for an order; `uri` is where its reference is. */
export function runwayBodyOf(order: Order, { model, path }: RunwayPlan, uri: string | undefined): unknown {
  const { prompt, width, height, seed, durationSeconds, hasAudio = false } = order;
  const images = path === 'text_to_image' ? { referenceImages: [{ uri }] } : { references: [{ uri }] };
  return {
    model: model.raw,
    promptText: prompt,
    ratio: `${width}:${height}`,
    ...(seed === undefined ? {} : { seed }),
    ...(durationSeconds === undefined ? {} : { duration: durationSeconds }),
    ...(model.hasAudio ? { audio: hasAudio } : {}),
    ...(uri === undefined ? {} : path === 'image_to_video' ? { promptImage: uri } : images),
  };
}
