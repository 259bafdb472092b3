import assert from 'node:assert/strict';
import { formatAuthority, isOwnHost } from '../../../src/xpmn/media/http-host.ts';

describe('the Host of a request', () => {
  for (const host of [undefined, '', '127.0.0.1', '192.168.1.2:8080', '[::1]', '[fe80::1]:80', '[fe80::1%eth0]:80', 'localhost', 'LocalHost:1234']) {
    it(`may be ${String(host)}`, () => assert.ok(isOwnHost(host)));
  }
  for (const host of ['evil.example', 'evil.example:80', '127.0.0.1.evil.example', 'localhost.evil.example', '1.2.3', '0x7f000001', '2130706433', '::1', '[::1', '[127.0.0.1]', '[evil]', '127.0.0.1:80:80', '127.0.0.1@evil', ':80', '127.0.0.1:x']) {
    it(`may not be ${host}`, () => assert.equal(isOwnHost(host), false));
  }

  it('is written as in a URL, without the zone of an address', () => {
    assert.equal(formatAuthority({ host: '192.0.2.1', port: 80 }), '192.0.2.1:80');
    assert.equal(formatAuthority({ host: 'fe80::1%eth0', port: 80 }), '[fe80::1]:80');
  });
});
