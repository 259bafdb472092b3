import assert from 'node:assert/strict';
import fc from 'fast-check';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { formatCall, readAnswer } from '../../../src/upnp/soap.ts';
import { settings } from '../../support/settings.ts';

const limits = settings.upnp.contentDirectory.soap;
const envelope = (body: string): string => `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${body}</s:Body></s:Envelope>`;
const answer = (text: string | Buffer, status = 200, type = 'text/xml'): ReadonlyMap<string, string> =>
  readAnswer({ status, headers: { 'content-type': type }, body: Buffer.from(text as string) }, 'Browse', limits);
const GOOD = '<u:BrowseResponse xmlns:u="urn:x"><Result>ö 日本</Result><UpdateID> 7 </UpdateID></u:BrowseResponse>';

describe('SOAP', () => {
  it('writes a call, arguments escaped', () => {
    const text = formatCall('urn:schemas-upnp-org:service:ContentDirectory:1', { action: 'Browse', args: { ObjectID: '64$<&>"', Count: 0 } });
    assert.ok(text.includes('<u:Browse xmlns:u="urn:schemas-upnp-org:service:ContentDirectory:1"><ObjectID>64$&lt;&amp;&gt;"</ObjectID><Count>0</Count></u:Browse>'), text);
  });

  it('reads an answer, whatever status, namespaces and envelope say', () => {
    for (const [text, status] of [
      [envelope(GOOD), 200], [envelope(GOOD), 500], [`\ufeff\r\n${envelope(GOOD)}\0\0`, 200],
      [envelope(GOOD.replace('urn:x', 'urn:schemas-upnp-org:service:Other:9')), 200], [GOOD, 200],
      [`<Envelope><Header/><Body>${GOOD}</Body></Envelope>`, 200], [envelope(GOOD.replace(' xmlns:u="urn:x"', '')), 200],
    ] as const) {
      assert.equal(answer(text, status).get('Result'), 'ö 日本', text);
    }
  });

  it('reads other encodings', () => {
    const latin = Buffer.from(envelope(GOOD.replace('日本', '')).replace('<?xml version="1.0"?>', '<?xml version="1.0" encoding="ISO-8859-1"?>'), 'latin1');
    assert.equal(readAnswer({ status: 200, headers: {}, body: latin }, 'Browse', limits).get('Result'), 'ö ');
    const wide = Buffer.from(`\ufeff${envelope(GOOD)}`, 'utf16le');
    assert.equal(readAnswer({ status: 200, headers: {}, body: wide }, 'Browse', limits).get('Result'), 'ö 日本');
    assert.equal(answer(envelope(GOOD), 200, 'text/xml; charset=no-such-thing').get('Result'), 'ö 日本');
  });

  it('puts arguments together that were never escaped', () => {
    const result = answer(envelope(GOOD.replace('ö 日本', '<D xmlns="urn:d"><item id="1"/></D>'))).get('Result');
    assert.equal(result, "<D xmlns='urn:d'><item id='1'/></D>");
  });

  const fault = (inner: string): string => envelope(`<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring>${inner}</s:Fault>`);
  const detail = (code: string): string => `<detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0">${code}</UPnPError></detail>`;
  const FAULTS: readonly [string, string, number, string, number | undefined][] = [
    ['a plain fault', fault(detail('<errorCode>701</errorCode><errorDescription>No such object</errorDescription>')), 500, 'not-found', 701],
    ['one without description', fault(detail('<errorCode> 710 </errorCode>')), 500, 'not-found', 710],
    ['one with status 200', fault(detail('<errorCode>402</errorCode>')), 200, 'bad-request', 402],
    ['an unknown number', fault(detail('<errorCode>899</errorCode>')), 500, 'not-acceptable', 899],
    ['no number', fault(detail('')), 500, 'not-acceptable', undefined],
    ['no detail', fault(''), 500, 'not-acceptable', undefined],
    ['an invalid action', fault(detail('<errorCode>401</errorCode>')), 500, 'not-supported', 401],
    ['an empty body with 500', '', 500, 'protocol-violation', undefined],
    ['HTML with 500', '<html><body>Internal<br>Server Error</body></html>', 500, 'protocol-violation', undefined],
    ['HTML with 200', '<html><body>Hello</body></html>', 200, 'protocol-violation', undefined],
    ['nothing with 200', '', 200, 'protocol-violation', undefined],
    ['another action\'s answer', envelope('<u:SearchResponse xmlns:u="urn:x"/>'), 200, 'protocol-violation', undefined],
    ['401', '', 401, 'not-allowed', undefined],
    ['503', '', 503, 'unreachable', undefined],
  ];
  for (const [name, text, status, code, upnpError] of FAULTS) {
    it(`knows ${name}`, () => {
      assert.throws(() => answer(text, status), (error) => error instanceof XpmnError && error.code === code && error.details.upnpError === upnpError);
    });
  }

  it('fails with its own errors only, whatever it gets', () => {
    const pieces = ['<s:Envelope>', '<Body>', '</Body>', '<Fault>', '<BrowseResponse>', '</BrowseResponse>', '&', '<', '\u0000', '<errorCode>', '701'];
    fc.assert(fc.property(fc.array(fc.constantFrom(...pieces)), (parts) => {
      try {
        answer(parts.join(''));
      } catch (error) {
        assert.ok(error instanceof XpmnError);
      }
    }));
  });

  it('refuses what is too large', () => {
    const { length } = envelope(GOOD);
    assert.throws(() => readAnswer({ status: 200, headers: {}, body: Buffer.from(envelope(GOOD)) }, 'Browse', { ...limits, bytes: length - 10 }), { code: 'too-large' });
  });
});
