import assert from 'node:assert/strict';
import { formatWaiting, parseWaiting } from '../../../src/xpmn/gateway/waiting.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import { parseXml } from '../../../src/xpmn/model/xml-parser.ts';
import { serialise } from '../../../src/xpmn/model/xml.ts';
import { formatInfo, parseInfo } from '../../../src/xpmn/xmpp/disco.ts';
import { settings } from '../../support/settings.ts';

describe('a gateway that waits for a new device', () => {
  const network = 'ab'.repeat(32);
  const waiting = formatWaiting({ name: 'NAS <1>', network });

  it('is read as it was written', () => {
    const read = parseInfo(parseXml(serialise(formatInfo(waiting, NS.pairing)), settings.xml.serverStream));
    assert.deepEqual(parseWaiting(read), { name: 'NAS <1>', network });
  });

  it('does not wait unless it says so, and which network it is of', () => {
    assert.equal(parseWaiting({ ...waiting, features: [] }), undefined);
    assert.equal(parseWaiting({ ...waiting, forms: [] }), undefined);
    assert.equal(parseWaiting(formatWaiting({ name: 'NAS', network: 'AB' })), undefined);
    assert.equal(parseWaiting({ identities: [], features: [], forms: [] }), undefined);
    assert.deepEqual(parseWaiting({ ...waiting, identities: [] }), { name: '', network });
  });
});
