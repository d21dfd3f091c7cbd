// The Job API: images and videos by job, in the words of its published contract. See README.md beside this file.
import { Elysia } from 'elysia';
import { generateRoutes } from './generate.ts';
import { jobRoutes } from './jobs.ts';
import { libraryRoutes } from './library.ts';
import type { JobApiParts } from './parts.ts';
import { uploadRoutes } from './uploads.ts';

export function createJobApi(parts: JobApiParts) {
  return new Elysia({ name: 'job-api' })
    .use(generateRoutes(parts))
    .use(jobRoutes(parts))
    .use(libraryRoutes(parts))
    .use(uploadRoutes(parts));
}
