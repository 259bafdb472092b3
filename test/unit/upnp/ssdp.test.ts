import assert from 'node:assert/strict';
import fc from 'fast-check';
import { formatSearch, parseSsdp, parseUdn, sightingOf } from '../../../src/upnp/ssdp.ts';
import type { SsdpSighting } from '../../../src/upnp/ssdp.ts';
import { settings } from '../../support/settings.ts';

const options = settings.upnp.discovery.codec;
const TYPE = 'urn:schemas-upnp-org:device:MediaServer:1';

function sight(text: string): SsdpSighting | undefined {
  const message = parseSsdp(Buffer.from(text), options);
  return message && sightingOf(message);
}

const NOTIFY = ['NOTIFY * HTTP/1.1', 'HOST: 239.255.255.250:1900', 'CACHE-CONTROL: max-age=1800', 'LOCATION: http://192.0.2.1:8200/rootDesc.xml',
  `NT: ${TYPE}`, 'NTS: ssdp:alive', `USN: uuid:Ab-1::${TYPE}`];
const with_ = (line: string, ...instead: string[]): string => [...NOTIFY.filter((one) => !one.startsWith(line)), ...instead, '', ''].join('\r\n');

describe('SSDP', () => {
  it('reads an announcement', () => {
    const { location, ...rest } = sight(with_('none')) ?? assert.fail();
    assert.deepEqual(rest, { kind: 'alive', udn: 'uuid:ab-1', target: TYPE, maxAge: 1800, bootId: undefined, configId: undefined });
    assert.equal(location?.href, 'http://192.0.2.1:8200/rootDesc.xml');
  });

  it('reads an answer to a search', () => {
    const found = sight(`HTTP/1.1 200 OK\r\nEXT:\r\nST: ${TYPE}\r\nUSN: uuid:ab-1::${TYPE}\r\nLOCATION: http://[2001:db8::1]:80/d\r\n\r\n`);
    assert.deepEqual([found?.kind, found?.target, found?.location?.href, found?.maxAge], ['alive', TYPE, 'http://[2001:db8::1]/d', undefined]);
  });

  it('reads a byebye, which has no location', () => {
    const found = sight(with_('NTS', 'NTS: ssdp:byebye').replace(/LOCATION.*\r\n/, ''));
    assert.deepEqual([found?.kind, found?.location], ['byebye', undefined]);
  });

  it('takes what devices send: line feeds, odd case, duplicates, lines that are no headers', () => {
    assert.equal(sight(with_('none').replaceAll('\r\n', '\n'))?.udn, 'uuid:ab-1');
    assert.equal(sight(with_('none').replaceAll('\r\n', '\r\n').replace('NOTIFY * HTTP/1.1', 'notify  * http/1.0'))?.udn, 'uuid:ab-1');
    assert.equal(sight(with_('USN', 'usn : UUID:AB-1', 'USN: uuid:second'))?.udn, 'uuid:ab-1');
    assert.equal(sight(with_('none', 'rubbish', ': nothing', '\u0000'))?.udn, 'uuid:ab-1');
    assert.equal(sight(with_('none').slice(0, -4))?.udn, 'uuid:ab-1');
    assert.equal(sight(with_('NTS'))?.kind, 'alive');
  });

  it('reads max-age however it is written, and nothing from what is none', () => {
    const ages = ['max-age = 100', 'no-cache, MAX-AGE=100', 'max-age="100"', 'max-age=', 'max-age=-5', '', 'max-age=99999999999999'];
    assert.deepEqual(ages.map((age) => sight(with_('CACHE', `CACHE-CONTROL: ${age}`))?.maxAge), [100, 100, 100, undefined, undefined, undefined, 999999999]);
  });

  it('reads which life of the device it is, and which description', () => {
    const told = (...lines: string[]): unknown[] => {
      const { kind, bootId, configId } = sight(with_('NTS', ...lines)) ?? assert.fail();
      return [kind, bootId, configId];
    };
    assert.deepEqual(told('NTS: ssdp:alive', 'BOOTID.UPNP.ORG: 1790000000', 'configid.upnp.org:7'), ['alive', 1790000000, 7]);
    assert.deepEqual(told('NTS: ssdp:update', 'BOOTID.UPNP.ORG: 1', 'NEXTBOOTID.UPNP.ORG: 2'), ['update', 2, undefined]);
    for (const nonsense of ['', '-1', '1.5', '0x1', '1 2', '9'.repeat(11)]) assert.deepEqual(told(`BOOTID.UPNP.ORG: ${nonsense}`), ['alive', undefined, undefined], nonsense);
  });

  it('keeps a device whose location is none, without the location', () => {
    for (const location of ['', 'nonsense', 'https://192.0.2.1/', 'file:///etc/passwd', 'http://user:secret@192.0.2.1/', 'ftp://192.0.2.1/', `http://192.0.2.1/${'x'.repeat(2000)}`]) {
      const found = sight(with_('LOCATION', `LOCATION: ${location}`));
      assert.deepEqual([found?.udn, found?.location], ['uuid:ab-1', undefined], location);
    }
  });

  it('drops the scope id of a link-local location', () => {
    for (const id of ['%eth0', '%25eth0', '%3']) {
      assert.equal(sight(with_('LOCATION', `LOCATION: http://[fe80::1${id}]:1234/d.xml`))?.location?.href, 'http://[fe80::1]:1234/d.xml');
    }
  });

  it('ignores what is not for it', () => {
    assert.equal(parseSsdp(Buffer.from('GET / HTTP/1.1\r\n\r\n'), options), undefined);
    assert.equal(parseSsdp(Buffer.from('HTTP/1.1 404 Not Found\r\n\r\n'), options), undefined);
    assert.equal(parseSsdp(Buffer.alloc(0), options), undefined);
    assert.equal(parseSsdp(Buffer.from(with_('none') + ' '.repeat(options.datagramBytes)), options), undefined);
    assert.equal(sight(formatSearch({ group: '239.255.255.250', port: 1900, target: TYPE, mx: 2, userAgent: 'x' }).toString()), undefined);
    assert.equal(sight(with_('USN')), undefined);
    for (const usn of ['uuid:', 'uuid: a b', 'uuid:a/b', `uuid:${'a'.repeat(129)}`, '::x']) assert.equal(parseUdn(usn), undefined, usn);
  });

  it('looks at a bounded number of headers', () => {
    const many = Array.from({ length: options.headers }, (_, index) => `X-${index}: 1`);
    const text = [NOTIFY[0], ...many, ...NOTIFY.slice(1), '', ''].join('\r\n');
    assert.equal(sight(text), undefined);
    assert.equal(parseSsdp(Buffer.from(text), options)?.headers.size, options.headers);
  });

  it('writes a search', () => {
    const text = formatSearch({ group: 'ff02::c', port: 1900, target: TYPE, mx: 2, userAgent: 'Linux UPnP/1.1 x/1' }).toString();
    assert.equal(text, `M-SEARCH * HTTP/1.1\r\nHOST: [ff02::c]:1900\r\nMAN: "ssdp:discover"\r\nMX: 2\r\nST: ${TYPE}\r\nUSER-AGENT: Linux UPnP/1.1 x/1\r\n\r\n`);
  });

  it('never throws', () => {
    const pieces = [...NOTIFY, '\r\n', '\n', ':', 'USN:', 'LOCATION: http://[', '%', '\u0000', 'HTTP/1.1 200', 'M-SEARCH *'];
    fc.assert(fc.property(fc.array(fc.constantFrom(...pieces)), (parts) => void sight(parts.join('\r\n'))));
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void parseSsdp(bytes, options)));
  });
});
