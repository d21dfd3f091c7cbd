// What an attacker may send or make a name answer, to reach what is behind the gateway: a list by hand of addresses that
// resolvers give, and arbitraries that make addresses, URLs and answers of names without end.
import * as fc from 'fast-check';
import { spellings } from './refused-urls.ts';

type Quad = readonly [number, number, number, number];

const PRIVATE_RANGES: readonly (readonly [Quad, number])[] = [
  [[0, 0, 0, 0], 8],
  [[10, 0, 0, 0], 8],
  [[100, 64, 0, 0], 10],
  [[127, 0, 0, 0], 8],
  [[168, 63, 129, 16], 32],
  [[169, 254, 0, 0], 16],
  [[172, 16, 0, 0], 12],
  [[192, 0, 0, 0], 24],
  [[192, 0, 2, 0], 24],
  [[192, 88, 99, 0], 24],
  [[192, 168, 0, 0], 16],
  [[198, 18, 0, 0], 15],
  [[198, 51, 100, 0], 24],
  [[203, 0, 113, 0], 24],
  [[224, 0, 0, 0], 4],
  [[240, 0, 0, 0], 4],
];

const toNumber = ([a, b, c, d]: Quad) => ((a * 256 + b) * 256 + c) * 256 + d;
const toQuad = (value: number): Quad => [
  Math.floor(value / 2 ** 24) % 256,
  Math.floor(value / 2 ** 16) % 256,
  Math.floor(value / 2 ** 8) % 256,
  value % 256,
];
const dotted = (quad: Quad) => quad.join('.');
const group = (high: number, low: number) => (high * 256 + low).toString(16);
const groups = ([a, b, c, d]: Quad) => `${group(a, b)}:${group(c, d)}`;
const inverted = (quad: Quad): Quad => toQuad(2 ** 32 - 1 - toNumber(quad));

/** Every way in which an IPv6 address carries an IPv4 one that something on the way may unwrap. */
function wrappings(quad: Quad): string[] {
  return [
    `::ffff:${dotted(quad)}`,
    `::ffff:${groups(quad)}`,
    `0:0:0:0:0:ffff:${groups(quad)}`,
    `::${dotted(quad)}`,
    `::${groups(quad)}`,
    `::ffff:0:${groups(quad)}`,
    `64:ff9b::${groups(quad)}`,
    `64:ff9b::${dotted(quad)}`,
    `64:ff9b:1::${groups(quad)}`,
    `2002:${groups(quad)}::`,
    `2002:${groups(quad)}::1`,
    `2001:0:${groups(quad)}:8000:63bf:3fff:fdd2`,
    `2001::8000:63bf:${groups(inverted(quad))}`,
    `fe80::5efe:${groups(quad)}`,
    `fe80::200:5efe:${groups(quad)}`,
  ];
}

const TARGETS: readonly Quad[] = [
  [127, 0, 0, 1],
  [10, 0, 0, 5],
  [169, 254, 169, 254],
  [192, 168, 1, 1],
  [0, 0, 0, 0],
];

/** IPv6 that is not of the public internet by itself. */
const PRIVATE_IPV6 = [
  '::',
  '::1',
  '0:0:0:0:0:0:0:1',
  '100::1',
  'fc00::1',
  'fd00:ec2::254',
  'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
  'fe80::1',
  'fe80::1%lo',
  'fe80::1%25lo',
  'febf::1',
  'fec0::1',
  'ff02::1',
  'ff0e::1',
  '2001::1',
  '2001:20::1',
  '2001:1ff::1',
  '2001:db8::1',
  '3fff::1',
  '3fff:fff::1',
  '4000::1',
  '5f00::1',
  '1fff::1',
];

/** What resolvers may hand out that is no public address: both ends of every range, wrapped ones, and what is none. */
export const PRIVATE_ANSWERS: readonly string[] = [
  ...PRIVATE_RANGES.flatMap(([base, bits]) => [
    ...new Set([dotted(base), dotted(toQuad(toNumber(base) + 2 ** (32 - bits) - 1))]),
  ]),
  ...TARGETS.flatMap(wrappings),
  ...PRIVATE_IPV6,
  '127.1',
  '0177.0.0.1',
  '0x7f.0.0.1',
  '0x7f000001',
  '2130706433',
  '127.0.0.1.',
  ' 127.0.0.1',
  '127.0.0.1\0',
  '1.1.1.1,127.0.0.1',
  '[::1]',
  'localhost',
  '',
];

const privateQuad: fc.Arbitrary<Quad> = fc
  .constantFrom(...PRIVATE_RANGES)
  .chain(([base, bits]) => fc.nat(2 ** (32 - bits) - 1).map((offset) => toQuad(toNumber(base) + offset)));

/** An address that is not public, as a resolver may write it. */
export const privateAddress: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: privateQuad.map(dotted) },
  { weight: 4, arbitrary: privateQuad.chain((quad) => fc.constantFrom(...wrappings(quad))) },
  { weight: 2, arbitrary: fc.constantFrom(...PRIVATE_ANSWERS) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        fc.constantFrom('fc', 'fd', 'fe', 'ff', '00', '40', '80', 'c0'),
        fc.array(fc.nat(65_535), { minLength: 7, maxLength: 7 }),
      )
      .map(([first, rest]) => [`${first}00`, ...rest.map((value) => value.toString(16))].join(':')),
  },
);

export const publicAddress = fc.constantFrom('93.184.216.34', '1.1.1.1', '2606:4700:4700::1111');

/** What a name answers: public addresses, and at least one among them that is not. */
export const mixedAnswer: fc.Arbitrary<string[]> = fc
  .tuple(fc.array(publicAddress, { maxLength: 4 }), fc.array(privateAddress, { minLength: 1, maxLength: 3 }))
  .chain(([open, closed]) =>
    fc.shuffledSubarray([...open, ...closed], { minLength: open.length + closed.length }),
  );

const quadHost = privateQuad.chain((quad) => fc.constantFrom(...spellings([...quad])));
const wrappedHost = privateQuad.chain((quad) =>
  fc
    .constantFrom(...wrappings(quad))
    .chain((text) =>
      fc.constantFrom(`[${text}]`, `[${text.toUpperCase()}]`, `[${text}%25lo]`, `[${text}%eth0]`, text),
    ),
);
const ownName = fc
  .tuple(
    fc.constantFrom('', 'a.', 'metadata.', 'x_y.', '127.0.0.1.'),
    fc.constantFrom(
      'localhost',
      'LocalHost',
      'ｌocalhost',
      'local',
      'internal',
      'home.arpa',
      'router',
      'loc%61lhost',
      'localhost.localdomain',
    ),
    fc.constantFrom('', '.', '..', '。', '%2e'),
  )
  .map((parts) => parts.join(''));
/** A name that anybody may own; what it leads to is for the resolver of the test. */
const foreignName = fc.constantFrom(
  'files.example',
  '127.0.0.1.nip.example',
  'bücher.example',
  'xn--bcher-kva.example',
);

const scheme = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('https', 'HTTPS', 'hTTps') },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'http',
      'ftp',
      'file',
      'gopher',
      'dict',
      'ws',
      'wss',
      'blob:https',
      'jar:https',
      'ldap',
      'unix',
      'data',
      'view-source:https',
      'http+unix',
    ),
  },
);
const separator = fc.oneof(
  { weight: 8, arbitrary: fc.constant('://') },
  { weight: 2, arbitrary: fc.constantFrom(':', ':/', ':///', ':\\\\', ':/\\', '://///') },
);
const userinfo = fc.oneof(
  { weight: 7, arbitrary: fc.constant('') },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      'a@',
      'a:b@',
      '@',
      ':@',
      'files.example@',
      'files.example:443@',
      'files.example%40',
      'files.example\\@',
      'files.example#@',
      'files.example?@',
      'files.example/@',
    ),
  },
);
const port = (canary: number) =>
  fc.oneof(
    { weight: 6, arbitrary: fc.constant('') },
    {
      weight: 4,
      arbitrary: fc.constantFrom(
        `:${canary}`,
        `:0${canary}`,
        ':443',
        ':0443',
        ':',
        ':80',
        ':22',
        ':0',
        ':65536',
        `:${canary}@files.example`,
      ),
    },
  );
const tail = fc.constantFrom(
  '',
  '/',
  '/latest/meta-data/',
  '?u=https://files.example/',
  '#@files.example',
  '/%2e%2e/',
  '/\\..',
  ';/',
  '/../..//',
  '?\\@files.example/',
);
const intruder = fc.oneof(
  { weight: 8, arbitrary: fc.constant('') },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '\t',
      '\n',
      '\r\n',
      ' ',
      '\0',
      '\u200b',
      '\u00ad',
      '\u2028',
      '\u202e',
      '%00',
      '%09',
      '\\',
      '@',
      '\u3002',
    ),
  },
);

/** A URL that leads inside, or to a name of the attacker's; `canary` is the port at which somebody listens there. */
export function hostileUrl(canary: number): fc.Arbitrary<string> {
  const host = fc.oneof(
    { weight: 5, arbitrary: quadHost },
    { weight: 4, arbitrary: wrappedHost },
    { weight: 2, arbitrary: ownName },
    { weight: 1, arbitrary: foreignName },
  );
  return fc
    .tuple(scheme, separator, userinfo, host, port(canary), tail, intruder, fc.nat(80))
    .map(([first, slashes, user, name, at, rest, foreign, place]) => {
      const text = `${first}${slashes}${user}${name}${at}${rest}`;
      const cut = place % (text.length + 1);
      return text.slice(0, cut) + foreign + text.slice(cut);
    });
}
