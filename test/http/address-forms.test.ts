// Addresses in all the forms in which they are written: one address has one spelling inside, what is none is none, and
// what is counted by address cannot be escaped by having many.
import { describe, expect, test } from 'bun:test';
import {
  createAddressJudge,
  createAddressSet,
  normalizeAddress,
  throttleGroup,
} from '../../src/http/client-address.ts';
import { createFailureThrottle, MAX_FAILURES_A_MINUTE } from '../../src/http/failure-throttle.ts';
import { createManualClock } from '../support/manual-clock.ts';

describe('one spelling', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:8080', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['::ffff:7f00:1', '127.0.0.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['[::ffff:192.0.2.1]:443', '192.0.2.1'],
    ['2001:DB8::1', '2001:db8::1'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1]:65535', '2001:db8::1'],
    ['::1', '::1'],
    ['::', '::'],
    ['::192.0.2.1', '::c000:201'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
  ])('%s is %s', (text, normal) => {
    expect(normalizeAddress(text)).toBe(normal);
  });

  test.each([
    ...[
      '',
      ' ',
      'localhost',
      'unknown',
      '_hidden',
      '1.2.3',
      '1.2.3.4.5',
      '256.1.1.1',
      '010.0.0.1',
      '0x7f.0.0.1',
    ],
    ...[
      '2130706433',
      '192.0.2.1 ',
      '192.0.2.1:',
      '192.0.2.1:999999',
      '192.0.2.1/32',
      'fe80::1%eth0',
      '[fe80::1',
    ],
    ...['[192.0.2.1', '2001:db8:::1', '1:2:3:4:5:6:7:8:9', '::ffff:999.0.0.1', '[]', '[]:80', '①.②.③.④'],
  ])('%p is none', (text) => {
    expect(normalizeAddress(text)).toBeNull();
  });
});

describe('behind proxies', () => {
  const judge = createAddressJudge(['10.0.0.0/8', '2001:db8:1::/48', '192.0.2.9']);

  test.each<[string, string, string | null, string]>([
    ['nobody trusted, the header is nothing', '198.51.100.1', '203.0.113.7', '198.51.100.1'],
    ['a trusted proxy tells', '10.0.0.1', '203.0.113.7', '203.0.113.7'],
    ['a trusted proxy in mapped form tells', '::ffff:a00:1', '203.0.113.7', '203.0.113.7'],
    ["the left end is anybody's", '10.0.0.1', '127.0.0.1, 203.0.113.7', '203.0.113.7'],
    ['trusted hops are passed', '10.0.0.1', '203.0.113.7, 192.0.2.9, 10.1.2.3', '203.0.113.7'],
    ['mapped trusted hops are passed', '10.0.0.1', '203.0.113.7, ::ffff:10.1.2.3', '203.0.113.7'],
    ['the first untrusted hop counts', '10.0.0.1', '203.0.113.7, 198.51.100.9, 10.1.2.3', '198.51.100.9'],
    ['all trusted, the socket counts', '10.0.0.1', '10.0.0.2, 10.0.0.3', '10.0.0.1'],
    ['one broken hop makes it worthless', '10.0.0.1', '203.0.113.7, x', '10.0.0.1'],
    ['an empty hop makes it worthless', '10.0.0.1', '203.0.113.7,', '10.0.0.1'],
    ['no header, the socket counts', '10.0.0.1', null, '10.0.0.1'],
    ['IPv6 with port', '2001:db8:1::5', '[2001:db8:2::7]:1234', '2001:db8:2::7'],
    ['no socket address', 'unix', '203.0.113.7', ''],
  ])('%s', (_, socket, header, address) => {
    expect(judge(socket, header)).toBe(address);
  });

  test.each([
    [['192.0.2.0/24'], '192.0.2.255', true],
    [['192.0.2.0/24'], '192.0.3.0', false],
    [['192.0.2.7/32'], '192.0.2.8', false],
    [['0.0.0.0/0'], '203.0.113.7', true],
    [['2001:db8::/32'], '2001:db8:ffff::1', true],
    [['2001:db8::/32'], '2001:db9::1', false],
    [['192.0.2.0/33', '192.0.2.0/-1', '192.0.2.0/x', 'nonsense', ''], '192.0.2.0', false],
    [[], '192.0.2.1', false],
  ])('%j holds %s: %p', (entries, address, isIn) => {
    expect(createAddressSet(entries).has(address)).toBe(isIn);
  });
});

describe('failures are counted', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['2001:db8:1:2::', '2001:db8:1:2'],
    ['::1', '0:0:0:0'],
    ['::', '0:0:0:0'],
  ])('%s as %s', (address, group) => {
    expect(throttleGroup(address)).toBe(group);
  });

  test('together once there are more addresses than are remembered', () => {
    const throttle = createFailureThrottle({ clock: createManualClock() });
    const address = (index: number) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
    for (let index = 0; index < 100_000; index++) throttle.count(address(index));
    for (let index = 0; index < MAX_FAILURES_A_MINUTE; index++) throttle.count(address(200_000 + index));
    expect(() => throttle.count(address(300_000))).toThrow('Too many failed authentications');
    expect(() => throttle.count(address(5))).not.toThrow();
  });

  test('anew each minute', () => {
    const clock = createManualClock();
    const throttle = createFailureThrottle({ clock });
    for (let failure = 0; failure < MAX_FAILURES_A_MINUTE; failure++) throttle.count('192.0.2.1');
    clock.advance(59_999);
    expect(() => throttle.count('192.0.2.1')).toThrow();
    clock.advance(1);
    expect(() => throttle.count('192.0.2.1')).not.toThrow();
  });
});
