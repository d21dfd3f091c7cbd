// The chapters of the reference, in their order, and what each is about.
export const TAGS: Readonly<Record<string, string>> = {
  'Job API':
    'Images and videos as jobs: order one, then wait for it or ask for it. Called with a customer’s key, from a server.',
  Account: 'What the customer of a key has.',
  Files: 'What jobs have made, by signed links.',
  Customers: 'Who may use the gateway, by which plan.',
  'API keys': 'The keys of a customer.',
  Credits: 'The wallets of a customer and the ledger behind them.',
  'Provider accounts': 'The operator’s own accounts at providers, with which live jobs are done.',
  Jobs: 'The jobs of all customers, for operators.',
  Plans: 'Limits and retention, plan by plan.',
  Prices: 'What jobs cost.',
  Audit: 'What operators did, whether the books hold, and how things stand.',
  Health: 'Probes for supervisors and load balancers.',
  Reference: 'This reference.',
};

/** Chapters that belong together, by who reads them. */
export const TAG_GROUPS: Readonly<Record<string, readonly string[]>> = {
  'For customers': ['Job API', 'Account', 'Files'],
  'For operators': [
    'Customers',
    'API keys',
    'Credits',
    'Provider accounts',
    'Jobs',
    'Plans',
    'Prices',
    'Audit',
  ],
  'For everybody': ['Health', 'Reference'],
};
