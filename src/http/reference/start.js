// Starts the reference in the browser. It calls the gateway that it was opened from and nobody else, and forgets a
// pasted key with the page.
/* global Scalar */
Scalar.createApiReference('#reference', {
  url: '/openapi.json',
  // Under whichever name the gateway was reached: the public one may be another origin, which the page must not call.
  servers: [{ url: location.origin }],
  defaultHttpClient: { targetKey: 'shell', clientKey: 'curl' },
  documentDownloadType: 'direct',
  orderSchemaPropertiesBy: 'preserve',
  persistAuth: false,
  // Off is everything that would ask another host; the page's policy would stop it, and the reader see it fail.
  agent: { disabled: true },
  hideClientButton: true,
  showDeveloperTools: 'never',
  telemetry: false,
  withDefaultFonts: false,
});
