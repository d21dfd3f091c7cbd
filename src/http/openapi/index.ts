// The OpenAPI file of all routes.
export { createOpenApiDocument, type OpenApiDocument } from './document.ts';
