// Every range at both ends with the neighbours just outside, and every spelling that is not one exact address.
import { describe, expect, test } from 'bun:test';
import { isPublicAddress, parseAddress } from '../../src/runtime/public-address.ts';

/** Range, first, last, and what lies just before and just after it; null where that is another refused range. */
const REFUSED_RANGES: [string, string, string, string | null, string | null][] = [
  ['0.0.0.0/8', '0.0.0.0', '0.255.255.255', null, '1.0.0.0'],
  ['10.0.0.0/8', '10.0.0.0', '10.255.255.255', '9.255.255.255', '11.0.0.0'],
  ['100.64.0.0/10', '100.64.0.0', '100.127.255.255', '100.63.255.255', '100.128.0.0'],
  ['127.0.0.0/8', '127.0.0.0', '127.255.255.255', '126.255.255.255', '128.0.0.0'],
  ['168.63.129.16', '168.63.129.16', '168.63.129.16', '168.63.129.15', '168.63.129.17'],
  ['169.254.0.0/16', '169.254.0.0', '169.254.255.255', '169.253.255.255', '169.255.0.0'],
  ['172.16.0.0/12', '172.16.0.0', '172.31.255.255', '172.15.255.255', '172.32.0.0'],
  ['192.0.0.0/24', '192.0.0.0', '192.0.0.255', '191.255.255.255', '192.0.1.0'],
  ['192.0.2.0/24', '192.0.2.0', '192.0.2.255', '192.0.1.255', '192.0.3.0'],
  ['192.88.99.0/24', '192.88.99.0', '192.88.99.255', '192.88.98.255', '192.88.100.0'],
  ['192.168.0.0/16', '192.168.0.0', '192.168.255.255', '192.167.255.255', '192.169.0.0'],
  ['198.18.0.0/15', '198.18.0.0', '198.19.255.255', '198.17.255.255', '198.20.0.0'],
  ['198.51.100.0/24', '198.51.100.0', '198.51.100.255', '198.51.99.255', '198.51.101.0'],
  ['203.0.113.0/24', '203.0.113.0', '203.0.113.255', '203.0.112.255', '203.0.114.0'],
  ['224.0.0.0/4', '224.0.0.0', '239.255.255.255', '223.255.255.255', null],
  ['240.0.0.0/4', '240.0.0.0', '255.255.255.255', null, null],
  ['below 2000::/3', '::', '1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', null, '2000::'],
  ['2001::/23', '2001::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff', '2000:ffff::1', '2001:200::'],
  ['2001:db8::/32', '2001:db8::', '2001:db8:ffff::ffff', '2001:db7:ffff::', '2001:db9::'],
  ['2002::/16', '2002::', '2002:ffff:ffff::ffff', '2001:ffff:ffff::', '2003::'],
  ['3fff::/20', '3fff::', '3fff:fff:ffff::ffff', '3ffe:ffff:ffff::', '3fff:1000::'],
  ['above 2000::/3', '4000::', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '3fff:ffff::', null],
];

/** What an allow-first rule refuses without naming it. */
const REFUSED_BY_DEFAULT: [string, string][] = [
  ['loopback', '::1'],
  ['mapped', '::ffff:127.0.0.1'],
  ['mapped, in groups', '::ffff:7f00:1'],
  ['mapped public', '::ffff:1.1.1.1'],
  ['translated', '::ffff:0:127.0.0.1'],
  ['compatible', '::127.0.0.1'],
  ['NAT64', '64:ff9b::7f00:1'],
  ['local NAT64', '64:ff9b:1::a00:1'],
  ['discard only', '100::1'],
  ['SRv6', '5f00::1'],
  ['unique local', 'fc00::1'],
  ["Amazon's metadata", 'fd00:ec2::254'],
  ['link-local', 'fe80::1'],
  ['site-local', 'fec0::1'],
  ['multicast', 'ff02::1'],
  ['Teredo', '2001:0:4136:e378:8000:63bf:3fff:fdd2'],
  ['ORCHIDv2', '2001:20::1'],
  ['6to4 of loopback', '2002:7f00:1::'],
  ['metadata', '169.254.169.254'],
  ["Alibaba's metadata", '100.100.100.200'],
  ["Oracle's metadata", '192.0.0.192'],
  ['broadcast', '255.255.255.255'],
];

const PUBLIC = [
  '1.1.1.1',
  '8.8.8.8',
  '93.184.216.34',
  '172.64.0.1',
  '192.1.0.1',
  '2606:4700:4700::1111',
  '2A00:1450:4001:800::200E',
  '2620:4f:8000::1',
];

const NOT_AN_ADDRESS = [
  '',
  ' 1.1.1.1',
  '1.1.1.1 ',
  '1.1.1.1\n',
  '1.1.1',
  '1.1.1.1.1',
  '1.1.1.256',
  '1.1.1.-1',
  '01.1.1.1',
  '0177.0.0.1',
  '0x7f.0.0.1',
  '2130706433',
  '1.1.1.1e1',
  '1．1．1．1',
  ':',
  ':::',
  '1::2::3',
  '2606:4700::1111%eth0',
  '[2606:4700::1111]',
  '2606:4700:4700:0:0:0:1111',
  '2606:4700:4700:0:0:0:0:0:1111',
  '1:2:3:4:5:6:7::8',
  '2606:47000::1',
  '2606:4700::1.1.1',
  '2606:4700::1.1.1.1:1',
  '1.1.1.1::',
  '2606:1.1.1.1:4700::',
  '2606:4700::g',
  'example.com',
  '::ffff:0x7f.0.0.1',
];

describe('public addresses', () => {
  test.each(REFUSED_RANGES)(
    '%s is refused from end to end and not beyond',
    (_, first, last, before, after) => {
      expect([first, last].map(isPublicAddress)).toEqual([false, false]);
      expect([before, after].filter((address) => address !== null && !isPublicAddress(address))).toEqual([]);
    },
  );

  test.each(REFUSED_BY_DEFAULT)('%s is refused: %s', (_, address) => {
    expect(parseAddress(address)).not.toBeNull();
    expect(isPublicAddress(address)).toBe(false);
  });

  test.each(PUBLIC)('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  test.each(NOT_AN_ADDRESS)('%j is not an address, and so not public', (text) => {
    expect(parseAddress(text)).toBeNull();
    expect(isPublicAddress(text)).toBe(false);
  });
});

describe('addresses as bytes', () => {
  test.each([
    ['1.2.3.4', [1, 2, 3, 4]],
    ['::', Array<number>(16).fill(0)],
    ['::1', [...Array<number>(15).fill(0), 1]],
    ['2001:DB8::a:0:1', [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0xa, 0, 0, 0, 1]],
    ['::ffff:1.2.3.4', [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 1, 2, 3, 4]],
    ['1:2:3:4:5:6:1.2.3.4', [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 1, 2, 3, 4]],
    ['1:2:3:4:5:6:7::', [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0]],
  ])('%s', (text, bytes) => {
    expect([...(parseAddress(text) ?? [])]).toEqual(bytes);
  });
});
