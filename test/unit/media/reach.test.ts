import assert from 'node:assert/strict';
import { isPublicAddress, reachesDirectly, systemNetworks } from '../../../src/xpmn/media/reach.ts';

const own = [{ address: '192.168.1.5', prefix: 24 }, { address: '10.0.0.5', prefix: 8 }, { address: '2001:4860:1:2::5', prefix: 64 }, { address: '127.0.0.1', prefix: 8 }];

describe('reaching a server directly', () => {
  const cases: readonly (readonly [string, string | undefined, string, boolean])[] = [
    ['in one network', '192.168.1.7', '192.168.1.200', true],
    ['in one network, over IPv6', '2001:4860:1:2::7', '2001:4860:1:2::9', true],
    ['a server on this machine', '192.168.1.7', '192.168.1.5', true],
    ['a player on this machine', undefined, '192.168.1.200', true],
    ['a player on this machine, by its address', '192.168.1.5', '10.1.2.3', true],
    ['both on this machine', undefined, '127.0.0.1', true],
    ['a player on loopback', '127.0.0.1', '127.0.0.1', true],
    ['two networks of ours', '192.168.1.7', '10.1.2.3', false],
    ['a player that is nowhere near', '203.0.113.7', '192.168.1.200', false],
    ['a server that is nowhere near', '192.168.1.7', '203.0.113.7', false],
    ['a server that only this machine sees', '192.168.1.7', '127.0.0.1', false],
    ['two families', '192.168.1.7', '2001:4860:1:2::9', false],
    ['a server whose link a URL can\'t name', undefined, 'fe80::1', false],
    ['a server that is a name', undefined, 'nas.example', false],
    ['a player that is a name', 'tv.example', '192.168.1.200', false],
  ];
  for (const [what, player, server, expected] of cases) it(what, () => assert.equal(reachesDirectly(player, server, own), expected));

  it('goes by the machine\'s networks', () => assert.ok(systemNetworks().some(({ address, prefix }) => address === '127.0.0.1' && prefix === 8)));
});

describe('a public address', () => {
  for (const address of ['8.8.8.8', '93.184.216.34', '172.32.0.1', '100.128.0.1', '2a00:1450:4001::1', '2606:4700::1', '::ffff:8.8.8.8']) {
    it(`is ${address}`, () => assert.ok(isPublicAddress(address, own)));
  }
  for (const address of ['127.0.0.1', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.7.7', '169.254.169.254', '100.64.0.1', '0.0.0.0', '224.0.0.1', '255.255.255.255', '198.18.0.1', '192.0.2.1', '::', '::1', 'fe80::1', 'fe80::1%eth0', 'fc00::1', 'fd12::1',
    'ff02::1', '2001:db8::1', '2002:7f00:1::', '2001::1', '64:ff9b::7f00:1', '::ffff:127.0.0.1', '::ffff:192.168.1.1', '::7f00:1', '2001:4860:1:2::99', 'localhost', '', '1.2.3']) {
    it(`is not ${address === '' ? 'nothing' : address}`, () => assert.equal(isPublicAddress(address, own), false));
  }
});
