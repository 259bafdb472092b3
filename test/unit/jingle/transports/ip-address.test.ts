import assert from 'node:assert/strict';
import fc from 'fast-check';
import { hostAddresses, isDialable } from '../../../../src/xpmn/jingle/transports/host-candidates.ts';
import { addressOwner, addressScope, ipBytes, ipText } from '../../../../src/xpmn/kernel/ip-address.ts';

describe('IP addresses', () => {
  it('read back from their bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (bytes) => assert.deepEqual([...(ipBytes(ipText(bytes)) as Buffer)], [...bytes])));
    fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => assert.deepEqual([...(ipBytes(ipText(bytes), { mapped: true }) as Buffer)], [...bytes])));
  });

  it('have one name each, however they are written', () => {
    const same = [['::ffff:192.0.2.1', '192.0.2.1'], ['2001:DB8:0:0::1', '2001:db8::1'], ['fe80::1%eth0', 'fe80::1'], ['::ffff:7f00:1', '127.0.0.1']] as const;
    for (const [a, b] of same) assert.deepEqual(ipBytes(a), ipBytes(b));
  });

  it('are literals only', () => {
    for (const text of ['', 'localhost', '1.2.3', '0x7f000001', '2130706433', '127.1', '[::1]', '1.2.3.4:80', '01.2.3.4']) assert.equal(ipBytes(text), undefined, text);
  });

  it('know what they are good for', () => {
    const table: Record<string, readonly string[]> = {
      'unusable': ['0.0.0.0', '224.0.0.1', '255.255.255.255', '::', 'ff02::1', 'example.org'],
      'loopback': ['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1'],
      'link-local': ['169.254.1.1', 'fe80::1', 'febf::1'],
      'public': ['192.168.1.2', '10.0.0.1', '8.8.8.8', '2001:db8::1', 'fd00::1'],
    };
    for (const [scope, addresses] of Object.entries(table)) for (const address of addresses) assert.equal(addressScope(address), scope, address);
  });

  it('count a /64 as one host', () => {
    assert.equal(addressOwner('2001:db8:0:1::1'), addressOwner('2001:db8:0:1:ffff::2'));
    assert.notEqual(addressOwner('2001:db8:0:1::1'), addressOwner('2001:db8:0:2::1'));
    assert.notEqual(addressOwner('192.0.2.1'), addressOwner('192.0.2.2'));
    assert.equal(addressOwner('::ffff:192.0.2.1'), addressOwner('192.0.2.1'));
  });
});

describe('host candidates', () => {
  const machine = ['127.0.0.1', '192.168.1.2', '::1', 'fe80::1', '2001:db8::2', '169.254.3.4', '192.168.1.2', '10.8.0.1'];

  it('are all global and private addresses of both families, once each, IPv6 first', () => {
    assert.deepEqual(hostAddresses(machine, { loopback: false }), ['2001:db8::2', '192.168.1.2', '10.8.0.1']);
  });

  it('have loopback only if asked for', () => {
    assert.deepEqual(hostAddresses(machine, { loopback: true }), ['::1', '2001:db8::2', '127.0.0.1', '192.168.1.2', '10.8.0.1']);
    assert.equal(isDialable('::ffff:127.0.0.1', { loopback: false }), false);
    assert.equal(isDialable('example.org', { loopback: true }), false);
  });
});
