import assert from 'node:assert/strict';
import fc from 'fast-check';
import { addressScope } from '../../../src/xpmn/kernel/ip-address.ts';
import { dialableOnLink, isOnLink } from '../../../src/xpmn/model/link-addresses.ts';
import type { Link } from '../../../src/xpmn/model/link-addresses.ts';

const LAN: Link = {
  name: 'eth0',
  loopback: false,
  addresses: [{ address: '192.168.178.20', prefix: 24 }, { address: 'fd00:1::20', prefix: 64 }, { address: '2001:db8::20', prefix: 128 }, { address: 'fe80::20', prefix: 64 }],
};
const LOOPBACK: Link = { name: 'lo', loopback: true, addresses: [{ address: '127.0.0.1', prefix: 8 }, { address: '::1', prefix: 128 }] };

describe('addresses on a link', () => {
  it('are those of its networks and link-local ones, best first, each once', () => {
    const announced = ['fe80::1', '169.254.7.7', 'fd00:1::1', '192.168.178.1', '192.168.178.001', 'FD00:1:0:0::1', '2001:db8::1'];
    assert.deepEqual(dialableOnLink(announced, LAN), ['192.168.178.1', '2001:db8::1', 'fd00:1::1', '169.254.7.7', 'fe80::1%eth0']);
  });

  it('are never elsewhere, unless that is who speaks', () => {
    const elsewhere = ['192.168.1.1', '8.8.8.8', '2001:db8:1::1', 'fd00:2::1'];
    assert.deepEqual(dialableOnLink(elsewhere, LAN), []);
    for (const address of elsewhere) assert.deepEqual(dialableOnLink(elsewhere, LAN, address), [address]);
  });

  it('are never loopback, multicast or none, also when that is who speaks, also as IPv6', () => {
    const never = ['127.0.0.1', '0.0.0.0', '224.0.0.251', '255.255.255.255', '::', '::1', 'ff02::fb', '::ffff:127.0.0.1', '::ffff:224.0.0.1', 'nas.local', ''];
    for (const sender of [undefined, ...never]) assert.deepEqual(dialableOnLink(never, LAN, sender), []);
  });

  it('are loopback where that is the link, and nothing else there', () => {
    assert.deepEqual(dialableOnLink(['127.0.0.9', '192.168.178.1', '::1', '10.0.0.1'], LOOPBACK), ['127.0.0.9', '::1']);
  });

  it('are told by the bits of the prefix', () => {
    const odd: Link = { name: 'eth0', loopback: false, addresses: [{ address: '10.1.2.3', prefix: 13 }] };
    assert.deepEqual(['10.0.0.1', '10.7.255.255', '10.8.0.0', '11.1.2.3'].map((address) => isOnLink(address, odd)), [true, true, false, false]);
    assert.equal(isOnLink('10.1.2.4', { ...odd, addresses: [{ address: '10.1.2.3', prefix: 32 }] }), false);
  });

  it('are never anything but what can be dialled, whatever is announced', () => {
    const any = fc.oneof(fc.ipV4(), fc.ipV6(), fc.string());
    fc.assert(fc.property(fc.array(any), fc.option(any, { nil: undefined }), (announced, sender) => {
      for (const address of dialableOnLink(announced, LAN, sender)) {
        const scope = addressScope(address);
        assert.ok(scope === 'link-local' || (scope === 'public' && (isOnLink(address, LAN) || sender !== undefined)));
        assert.equal(address.includes('%'), scope === 'link-local' && address.includes(':'));
      }
    }));
  });
});
