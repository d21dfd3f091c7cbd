// URLs by which people try to make a server call its own network, each with the reason for which it is refused. Data for
// the test of the judgement, and for the test that a canary on the loopback never hears of one of them.
import type { UrlFault } from '../../src/runtime/public-url.ts';

export type RefusedUrl = readonly [text: string, reason: UrlFault];

/** Addresses that every reader must recognise, whatever the spelling. */
const PRIVATE_IPV4 = [
  [127, 0, 0, 1],
  [127, 1, 2, 3],
  [10, 0, 0, 5],
  [172, 16, 9, 1],
  [192, 168, 1, 1],
  [169, 254, 169, 254],
  [100, 100, 100, 200],
  [192, 0, 0, 192],
  [0, 0, 0, 0],
] as const;

/** URL parsers fold all of these into dotted decimal. */
export function spellings([a, b, c, d]: readonly [number, number, number, number]): string[] {
  const whole = a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d;
  const dotted = [a, b, c, d].join('.');
  const hex = (value: number) => `0x${value.toString(16)}`;
  const octal = (value: number) => `0${value.toString(8)}`;
  return [
    dotted,
    String(whole),
    hex(whole),
    octal(whole),
    `${a}.${b * 65536 + c * 256 + d}`,
    `${a}.${b}.${c * 256 + d}`,
    [a, b, c, d].map(hex).join('.'),
    [a, b, c, d].map(octal).join('.'),
    `${hex(a)}.${octal(b)}.${c}.${d}`,
    dotted.replace(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit))),
    dotted.replace(/[1-9]/g, (digit) => String.fromCodePoint(0x2460 + Number(digit) - 1)),
    dotted.replaceAll('.', '。'),
    dotted.replaceAll('.', '．'),
    dotted.replace(/\d/g, (digit) => `%3${digit}`),
    `${dotted}.`,
  ];
}

const IPV6_LITERALS = [
  '[::1]',
  '[::]',
  '[0:0:0:0:0:0:0:1]',
  '[0000:0000:0000:0000:0000:0000:0000:0001]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::ffff:a9fe:a9fe]',
  '[::7f00:1]',
  '[::127.0.0.1]',
  '[64:ff9b::7f00:1]',
  '[64:ff9b:1::7f00:1]',
  '[2002:7f00:1::]',
  '[2001:0:4136:e378:8000:63bf:3fff:fdd2]',
  '[fe80::1]',
  '[fd00:ec2::254]',
  '[ff02::1]',
  '[2606:4700:4700::1111]',
];

const SCHEMES: RefusedUrl[] = [
  'http://example.com/',
  'HTTP://example.com/',
  'http://127.0.0.1/',
  'ftp://example.com/',
  'file:///etc/passwd',
  'file://localhost/etc/passwd',
  'file:/etc/passwd',
  'gopher://127.0.0.1:6379/_INFO',
  'dict://127.0.0.1:11211/stat',
  'ldap://127.0.0.1/',
  'tftp://127.0.0.1/x',
  'jar:https://example.com!/x',
  'netdoc:///etc/passwd',
  'data:image/png;base64,AAAA',
  'blob:https://example.com/1',
  's3://bucket/key',
  'gs://bucket/key',
  'ws://example.com/',
  'wss://example.com/',
  'javascript:alert(1)',
  'about:blank',
  'unix:/var/run/docker.sock',
  'http+unix://%2Fvar%2Frun%2Fdocker.sock/info',
  'httpss://example.com/',
  'view-source:https://example.com/',
  'localhost:8080',
  'example.com:443',
].map((text) => [text, 'scheme'] as const);

const NOT_URLS: RefusedUrl[] = [
  '',
  'x',
  'example.com',
  '//example.com/',
  '/etc/passwd',
  'https:',
  'https://',
  'https:///',
  'https:/example.com/',
  'https:example.com/',
  'https:///example.com/',
  'https:\\\\example.com\\',
  'https://example.com\\@127.0.0.1/',
  'https://127.0.0.1\\.example.com/',
  'https://example.com/a\\b',
  ' https://example.com/',
  'https://example.com/ ',
  'https://exam ple.com/',
  'https://example.com/\r\nHost: 127.0.0.1',
  'https://example.com/\n',
  'ht\ntps://example.com/',
  'https://127.0\t.0.1/',
  'https://exa\tmple.com/',
  'https://example.com/\0',
  'https://example.com\u00a0/',
  'https://127.0.0.1\u200b.example.com/',
  'https://exa\u00admple.com/',
  'https://\u202eexample.com/',
  'https://example.com/\u0085',
  'https://exam<ple.com/',
  'https://exam|ple.com/',
  'https://example.com:port/',
  'https://example.com:65536/',
  'https://example.com:-1/',
  'https://256.256.256.256/',
  'https://1.2.3.4.5/',
  'https://example.com.1/',
  'https://0x100000000/',
  'https://999999999999/',
  'https://127.0.0.1.08/',
  'https://[::1/',
  'https://::1/',
  'https://[::1%25lo]/',
  'https://[fe80::1%eth0]/',
  'https://[::1]a/',
  'https://[1::2::3]/',
  'https://%00example.com/',
  'https://example.com%2f@127.0.0.1%2f/../',
  'https://example.com%0d%0a/',
  'https://%/',
  'https://xn--/',
].map((text) => [text, 'not_a_url'] as const);

const USER_NAMES: RefusedUrl[] = [
  'https://user@example.com/',
  'https://user:secret@example.com/',
  'https://:secret@example.com/',
  'https://@example.com/',
  'https://:@example.com/',
  'https://example.com@127.0.0.1/',
  'https://example.com:443@127.0.0.1/',
  'https://example.com%40127.0.0.1@127.0.0.1/',
  'https://a@b@127.0.0.1/',
  'https://127.0.0.1:80@example.com/',
].map((text) => [text, 'userinfo'] as const);

const PORTS: RefusedUrl[] = [1, 22, 25, 80, 442, 444, 3306, 5432, 6379, 8080, 8443, 11211, 65535]
  .map((port): RefusedUrl => [`https://example.com:${port}/`, 'port'])
  .concat([
    ['https://127.0.0.1:80/', 'port'],
    ['https://[::1]:8443/', 'port'],
    ['https://localhost:22/', 'port'],
    ['https://example.com:0/', 'port'],
  ]);

const HOST_NAMES: RefusedUrl[] = [
  'localhost',
  'LOCALHOST',
  'LocalHost',
  'localhost.',
  'localhost..',
  'ｌｏｃａｌｈｏｓｔ',
  'ⓛⓞⓒⓐⓛⓗⓞⓢⓣ',
  'loc%61lhost',
  '%6c%6f%63%61%6c%68%6f%73%74',
  'app.localhost',
  'app.LOCALHOST',
  'localhost.localhost',
  'localhost.localdomain.',
  'router',
  'metadata',
  'kubernetes',
  'metadata.google.internal',
  'metadata.google.internal.',
  'instance-data.ec2.internal',
  'host.docker.internal',
  'gateway.docker.internal',
  'kubernetes.default.svc.cluster.local',
  'printer.local',
  'nas.home.arpa',
  'example.com.',
  'example.com。',
  'example.com．',
  'example..com',
  '.example.com',
  'ex%61mple.com',
  'example%2ecom',
  'example%E3%80%82com',
  '-a.example.com',
  'a-.example.com',
  'a*b.example.com',
  "a'b.example.com",
  'a$b.example.com',
  'a,b.example.com',
  '127.0.0.1,example.com',
  'a;b.example.com',
  'a(b).example.com',
  'a!b.example.com',
  `${'a'.repeat(64)}.example.com`,
  `${`${'a'.repeat(60)}.`.repeat(5)}com`,
].map((host) => [`https://${host}/`, 'host_name'] as const);

const LITERALS: RefusedUrl[] = [
  // Zero has fewer spellings than the rest.
  ...new Set(PRIVATE_IPV4.flatMap((address) => spellings(address))),
  ...IPV6_LITERALS,
  '0x7f.1',
  '0X7F000001',
  '0x00000000000000007f000001',
  '1.1.1.1',
  '8.8.8.8',
  '224.0.0.1',
  '255.255.255.255',
  '0.0.0.0x1',
  '134744072',
].map((host) => [`https://${host}/`, 'address_literal'] as const);

const TOO_LONG: RefusedUrl[] = [
  [`https://example.com/${'a'.repeat(2029)}`, 'too_long'],
  [`https://example.com/?${'%61'.repeat(1000)}`, 'too_long'],
  [`${' '.repeat(4096)}https://example.com/`, 'too_long'],
];

export const REFUSED_URLS: readonly RefusedUrl[] = [
  ...SCHEMES,
  ...NOT_URLS,
  ...USER_NAMES,
  ...PORTS,
  ...HOST_NAMES,
  ...LITERALS,
  ...TOO_LONG,
];
