import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { devicesOf, isOfType } from '../../../src/upnp/description.ts';
import type { UpnpDevice } from '../../../src/upnp/description.ts';
import { xmlOf } from '../../../src/upnp/xml-body.ts';
import { settings } from '../../support/settings.ts';

const { xml, limits } = settings.upnp.describe;
const LOCATION = new URL('http://192.0.2.1:8200/desc/root.xml');

function read(text: string, location = LOCATION): UpnpDevice[] {
  const { root } = xmlOf({ body: Buffer.from(text), headers: {} }, xml);
  return root ? devicesOf(root, location, limits) : [];
}

const service = (control: string): string =>
  `<serviceList><service><serviceType>urn:schemas-upnp-org:service:ContentDirectory:1</serviceType><controlURL>${control}</controlURL></service></serviceList>`;
const device = (inner: string, udn = 'uuid:A-1'): string => `<device><deviceType> urn:schemas-upnp-org:device:MediaServer:1 </deviceType><friendlyName>X</friendlyName><UDN>${udn}</UDN>${inner}</device>`;
const root = (inner: string): string => `<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0">${inner}</root>`;
const control = (text: string): string | undefined => read(text)[0]?.services[0]?.controlUrl.href;

describe('device description', () => {
  it('finds devices at any depth, the root first', () => {
    const nested = device(`<deviceList>${device(`<deviceList>${device('', 'uuid:c')}</deviceList>`, 'UUID:B')}${device('', ' uuid:d ')}</deviceList>`);
    assert.deepEqual(read(root(nested)).map(({ udn }) => udn), ['uuid:a-1', 'uuid:b', 'uuid:d', 'uuid:c']);
  });

  it('reads what people wrote: white space, comments, a raw &, a trailing NUL, no namespace', () => {
    const text = ` \n<?xml version="1.0"?><!-- hello --><root>${device('').replace('X', '\n Küche & Bad \n')}</root>\0 `;
    const [found] = read(text);
    assert.deepEqual([found?.friendlyName, found?.type], ['Küche & Bad', 'urn:schemas-upnp-org:device:MediaServer:1']);
  });

  it('reads minidlna, which does not escape its name', () => {
    const fixture = readFileSync(new URL('../../fixtures/upnp/minidlna-1.3.0-unescaped-name.xml', import.meta.url), 'utf8');
    const [found] = read(fixture);
    assert.deepEqual([found?.friendlyName, found?.udn], ['Küche & Bad <3', 'uuid:4d696e69-444c-164e-9d41-0242ac110002']);
    const directory = found?.services.find(({ type }) => isOfType(type, 'service:ContentDirectory'));
    assert.equal(directory?.controlUrl.href, 'http://192.0.2.1:8200/ctl/ContentDir');
  });

  it('resolves URLs against the description, with or without a slash', () => {
    assert.equal(control(root(device(service('/ctl')))), 'http://192.0.2.1:8200/ctl');
    assert.equal(control(root(device(service('ctl')))), 'http://192.0.2.1:8200/desc/ctl');
    assert.equal(control(root(device(service('http://192.0.2.1:9000/ctl')))), 'http://192.0.2.1:9000/ctl');
  });

  it('takes URLBase only if it names the same host', () => {
    assert.equal(control(root(`<URLBase>http://192.0.2.1:9000/base/</URLBase>${device(service('ctl'))}`)), 'http://192.0.2.1:9000/base/ctl');
    for (const base of ['http://192.0.2.9/', 'https://192.0.2.1/', '', 'nonsense', 'file:///']) {
      assert.equal(control(root(`<URLBase>${base}</URLBase>${device(service('/ctl'))}`)), 'http://192.0.2.1:8200/ctl', base);
    }
  });

  it('leaves out services on other hosts, and devices without a name', () => {
    for (const url of ['http://192.0.2.9/ctl', 'https://192.0.2.1/ctl', 'file:///etc/passwd', '//192.0.2.9/ctl', 'http://[', '']) {
      assert.deepEqual(read(root(device(service(url))))[0]?.services, [], url);
    }
    assert.deepEqual(read(root(device('', ''))), []);
    assert.deepEqual(read('<html><body>not found</body></html>'), []);
    assert.deepEqual(read(''), []);
  });

  it('is bounded: devices, services, names', () => {
    const many = device(`<deviceList>${Array.from({ length: 1000 }, (_, index) => device('', `uuid:${index}`)).join('')}</deviceList>${service('/ctl').replace(/<service>.*<\/service>/, (one) => one.repeat(500))}`);
    const found = read(root(many));
    assert.equal(found.length, limits.devices);
    assert.equal(found[0]?.services.length, limits.services);
    assert.equal(read(root(device('').replace('X', 'x'.repeat(10_000))))[0]?.friendlyName.length, limits.text);
  });

  it('knows types whatever their version', () => {
    assert.ok(isOfType('urn:schemas-upnp-org:device:MediaServer:4', 'device:MediaServer'));
    for (const type of ['urn:schemas-upnp-org:device:MediaServer', 'urn:x:device:MediaServerX:1', 'MediaServer:1', '']) assert.ok(!isOfType(type, 'device:MediaServer'), type);
  });
});
