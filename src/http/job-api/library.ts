// What can be ordered and what it costs: models and estimates.
import { Elysia } from 'elysia';
import { assert } from '../../errors.ts';
import { MAX_IMAGE_BODY_BYTES } from '../body.ts';
import { pixelsOf } from './generate.ts';
import { estimateSchema, modelListSchema } from './answers.ts';
import { estimateExample, modelListExample } from './examples.ts';
import { fixedModels, TAG, type JobApiParts } from './parts.ts';
import { renderModel } from './render.ts';
import { estimateRequestSchema, noQuerySchema } from './schemas.ts';

const READ = { kind: 'customer', scope: 'library:read', dialect: 'job' } as const;

export function libraryRoutes({ route, catalog }: JobApiParts) {
  const models = fixedModels(catalog);
  return new Elysia()
    .post(
      '/v1/estimate',
      async ({ body }) => {
        const model = models[body.type];
        const request =
          body.type === 'image'
            ? { size: body.size, quality: body.quality }
            : { size: body.size, durationSeconds: body.duration, hasAudio: body.motionHasAudio };
        const quote = await catalog.quote(model, { ...request, ...pixelsOf(model, body.size) });
        return { ok: true as const, credits: quote.credits };
      },
      {
        ...route.withBody({
          operationId: 'estimate',
          tag: TAG,
          summary: 'Estimate a price',
          description: 'What a job would cost now. Nothing is started and nothing charged.',
          access: READ,
          // What an order may hold, an estimate of it may.
          maxBodyBytes: MAX_IMAGE_BODY_BYTES,
          requestExample: { type: 'video', duration: 15 },
          answers: {
            200: { description: 'The price in credits.', schema: estimateSchema, example: estimateExample },
          },
          errors: ['invalid_input'],
        }),
        body: estimateRequestSchema(models),
        query: noQuerySchema,
      },
    )
    .get(
      '/v1/models',
      async () => {
        const prices = await catalog.listPrices();
        return {
          ok: true as const,
          models: Object.values(models).map((model) => {
            const price = prices.find((listed) => listed.model === model.id);
            assert(price !== undefined, 'every model has a price');
            return renderModel(model, price);
          }),
        };
      },
      {
        ...route.plain({
          operationId: 'listModels',
          tag: TAG,
          summary: 'List the models',
          description: 'The models of this API with their sizes, qualities, durations and prices.',
          access: READ,
          answers: {
            200: { description: 'The models.', schema: modelListSchema, example: modelListExample },
          },
          errors: [],
        }),
        query: noQuerySchema,
      },
    );
}
