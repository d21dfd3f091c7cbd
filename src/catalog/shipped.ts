// The models that ship, one file a lab. Sizes that several models share stand once, in sizes.json, and are named there.
import * as v from 'valibot';
import alibaba from './models/alibaba.json' with { type: 'json' };
import bfl from './models/bfl.json' with { type: 'json' };
import bytedance from './models/bytedance.json' with { type: 'json' };
import google from './models/google.json' with { type: 'json' };
import kling from './models/kling.json' with { type: 'json' };
import luma from './models/luma.json' with { type: 'json' };
import minimax from './models/minimax.json' with { type: 'json' };
import openai from './models/openai.json' with { type: 'json' };
import runway from './models/runway.json' with { type: 'json' };
import sizeSets from './models/sizes.json' with { type: 'json' };
import { assert } from '../errors.ts';
import { modelSchema, sideSchema, sizeNameSchema, type Model } from './model.ts';
import { sizeName } from './size.ts';

type Sizes = Model['sizes'];

/** Tiers of a set, all ratios of each or those that are named. */
const sharedSizesSchema = v.strictObject({
  set: v.string(),
  tiers: v.array(v.string()),
  ratios: v.exactOptional(v.array(v.string())),
});

const setsSchema = v.record(
  v.string(),
  v.record(v.string(), v.record(sizeNameSchema, v.strictTuple([sideSchema, sideSchema]))),
);
type SizeSets = v.InferOutput<typeof setsSchema>;

/** All models that ship, whole. @throws ValiError, Bug on data that is none; a test reads it before anybody else */
export function readShippedModels(): Model[] {
  const sets = v.parse(setsSchema, sizeSets);
  const shipped = [openai, bytedance, bfl, google, runway, kling, minimax, luma, alibaba].flat();
  return shipped.map((written) => {
    if (!('set' in written.sizes)) return v.parse(modelSchema, written);
    const model = v.parse(modelSchema, { ...written, sizes: {} });
    // What a set holds was judged with it, and not again for each model that takes it.
    model.sizes = expand(sets, v.parse(sharedSizesSchema, written.sizes));
    return model;
  });
}

function expand(sets: SizeSets, { set, tiers, ratios }: v.InferOutput<typeof sharedSizesSchema>): Sizes {
  const sizes: Sizes = {};
  for (const tier of tiers) {
    const known = sets[set]?.[tier];
    assert(known !== undefined, `sizes.json has ${set} in ${tier}`);
    for (const ratio of ratios ?? Object.keys(known)) {
      const pixels = known[ratio];
      assert(pixels !== undefined, `sizes.json has ${set} in ${tier} as ${ratio}`);
      sizes[sizeName(ratio, tier)] = { width: pixels[0], height: pixels[1] };
    }
  }
  return sizes;
}
