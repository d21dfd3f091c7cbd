// What the routes of the Job API are built from.
import type { Catalog, Model } from '../../catalog/index.ts';
import type { Jobs } from '../../jobs/index.ts';
import type { Ledger } from '../../ledger/index.ts';
import type { Limits } from '../../limits/index.ts';
import type { Media } from '../../media/index.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Db } from '../../store/db.ts';
import type { RouteMaker } from '../route.ts';

export type JobApiParts = {
  db: Db;
  clock: Clock;
  catalog: Catalog;
  jobs: Jobs;
  ledger: Ledger;
  limits: Limits;
  media: Media;
  route: RouteMaker;
  /** The base of links, without a slash at its end. */
  publicUrl: () => string;
  /** @throws GatewayError `service_unavailable` when the disk has no room for new work */
  requireRoom: () => void;
};

/** The two models that this API's generate routes are fixed to. */
export function fixedModels(catalog: Catalog): { image: Model; video: Model } {
  return {
    image: catalog.getModel('openai/gpt-image-2', 'image'),
    video: catalog.getModel('bytedance/seedance-2.0-fast', 'video'),
  };
}

export const TAG = 'Job API';
