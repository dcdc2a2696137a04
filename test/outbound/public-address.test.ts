import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPublicAddress } from '../../src/outbound/guard.ts';

describe('a public address', () => {
  it('is one of the public internet, plain or v4-mapped', () => {
    const addresses = [
      '93.184.215.14',
      '::ffff:93.184.215.14',
      '::ffff:808:808',
      '8.8.8.8',
      '1.1.1.1',
      '2606:4700:4700::1111',
      '2a00:1450:4001::1',
    ];
    expect(addresses.filter((ip) => !isPublicAddress(ip))).toEqual([]);
  });

  it('is no name, no odd notation, and no v4 address wrapped for a gateway', () => {
    const texts = [
      '',
      'localhost',
      '127.1',
      '8.8',
      '0x8.8.8.8',
      '08.8.8.8',
      '134744072',
      '[2606:4700::1]',
      '8.8.8.8:80',
    ];
    const wrapped = [
      '64:ff9b::808:808',
      '64:ff9b:1::808:808',
      '2002:808:808::',
      '2001::1',
      '::8.8.8.8',
      '::ffff:0:8.8.8.8',
    ];
    expect([...texts, ...wrapped, '192.0.0.192', '168.63.129.16', 'fe80::1%eth0'].filter(isPublicAddress)).toEqual([]);
  });

  it('is outside 10/8, 127/8, 100.64/10, fc00::/7 and fe80::/10 whatever the rest', () => {
    const v4Rest = fc.tuple(
      fc.constantFrom('10.9', '127.9', '100.65', '172.20', '192.168', '169.254'),
      fc.nat(255),
      fc.nat(255),
    );
    fc.assert(
      fc.property(
        v4Rest,
        (parts) => !isPublicAddress(parts.join('.')) && !isPublicAddress(`::ffff:${parts.join('.')}`),
      ),
    );
    const v6Rest = fc.tuple(
      fc.constantFrom('fc12', 'fdff', 'fe80', 'feb1', 'ff05', '2002', '0'),
      fc.nat(0xffff),
      fc.nat(0xffff),
    );
    fc.assert(fc.property(v6Rest, ([head, a, b]) => !isPublicAddress(`${head}:${a.toString(16)}::${b.toString(16)}`)));
  });
});
