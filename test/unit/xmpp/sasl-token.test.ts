import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { readSasl2Offer, readToken } from '../../../src/xpmn/xmpp/connection/sasl2-exchange.ts';
import { isTokenProven, tokenProof } from '../../../src/xpmn/xmpp/sasl-token.ts';
import { settings } from '../../support/settings.ts';

const NS = 'urn:xmpp:sasl:2';
const FAST = 'urn:xmpp:fast:0';
const hmac = (role: string): Buffer => createHmac('sha256', 'secret').update(role).digest();

describe('a token', () => {
  it('is proven by its hash, either way', () => {
    assert.deepEqual(tokenProof('romeo', 'secret'), Buffer.concat([Buffer.from('romeo\0'), hmac('Initiator')]));
    assert.ok(isTokenProven('secret', hmac('Responder')));
    for (const said of [Buffer.alloc(0), Buffer.alloc(32), hmac('Initiator'), hmac('Responder').subarray(0, 31), Buffer.concat([hmac('Responder'), Buffer.alloc(1)])]) {
      assert.equal(isTokenProven('secret', said), false);
    }
  });

  const success = (attrs: Record<string, string>, ns = FAST): XmlElement => xml('success', NS, {}, xml('token', ns, attrs));
  const expiry = '2026-02-01T00:00:00Z';

  it('is taken if it is one', () => {
    const { tokenLength } = settings.xmpp.server;
    const token = 'x'.repeat(tokenLength);
    assert.deepEqual(readToken(success({ token, expiry }), { tokenLength }), { token, mechanism: 'HT-SHA-256-NONE', expires: Date.UTC(2026, 1, 1) });
    for (const odd of [success({ token: `${token}x`, expiry }), success({ token: '', expiry }), success({ token, expiry: 'tomorrow' }), success({ token }), success({ expiry }), success({ token, expiry }, NS), xml('success', NS)]) {
      assert.equal(readToken(odd, { tokenLength }), undefined);
    }
  });

  it('is offered where both, the profile and the tokens, are', () => {
    const named = (ns: string, ...names: string[]): XmlElement[] => names.map((name) => xml('mechanism', ns, {}, name));
    const features = (...parts: XmlElement[]): XmlElement => xml('features', 'http://etherx.jabber.org/streams', {}, parts);
    const inline = xml('inline', NS, {}, xml('fast', FAST, {}, named(FAST, 'HT-SHA-256-NONE')));
    assert.equal(readSasl2Offer(features(xml('mechanisms', 'urn:ietf:params:xml:ns:xmpp-sasl'))), undefined);
    assert.deepEqual(readSasl2Offer(features(xml('authentication', NS, {}, named(NS, 'SCRAM-SHA-1')))), { mechanisms: ['SCRAM-SHA-1'], tokens: [] });
    assert.deepEqual(readSasl2Offer(features(xml('authentication', NS, {}, named(NS, 'SCRAM-SHA-1'), inline))), { mechanisms: ['SCRAM-SHA-1'], tokens: ['HT-SHA-256-NONE'] });
  });
});
