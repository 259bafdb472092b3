import assert from 'node:assert/strict';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import type { StanzaChannel } from '../../../src/xpmn/ports/stanza-channel.ts';
import { ACCOUNT_NODES, ALLOWED, deservesAnswer, isAllowed, pairingGate, serverGate } from '../../../src/xpmn/xmpp/allow-list.ts';

const OWN = parseJid('romeo@home.test/gateway');
const PUBSUB = 'http://jabber.org/protocol/pubsub';
const [NODE = ''] = ACCOUNT_NODES;

const stanza = (name: string, from: string | undefined, ...payload: XmlElement[]): XmlElement =>
  xml(name, 'jabber:client', name === 'iq' ? { type: 'set', id: '1', from } : { from }, payload);

/** A payload as the row wants it. */
function payloadOf(ns: string, name: string): XmlElement {
  if (ns === `${PUBSUB}#event`) return xml('event', ns, {}, xml('items', ns, { node: NODE }));
  if (ns.startsWith(PUBSUB)) return xml('pubsub', ns, {}, xml('publish', ns, { node: NODE }), xml('publish-options', ns));
  return xml(name, ns);
}

describe('the allow-list of the server stream', () => {
  for (const row of ALLOWED) {
    for (const name of row.names) {
      const passing = (['in', 'out'] as const).filter((direction) => ALLOWED.some((other) => other.ns === row.ns && other.stanza === row.stanza && other.directions.includes(direction)));
      it(`lets ${row.stanza} ${row.ns} ${name} pass: ${passing.join(' and ')}`, () => {
        const from = row.ns === 'jabber:iq:roster' ? 'romeo@home.test' : 'juliet@home.test/x';
        for (const direction of ['in', 'out'] as const) {
          assert.equal(isAllowed(stanza(row.stanza, from, payloadOf(row.ns, name)), direction, OWN), passing.includes(direction), direction);
        }
        const other = row.stanza === 'iq' ? 'message' : 'iq';
        assert.equal(isAllowed(stanza(other, from, payloadOf(row.ns, name)), 'in', OWN), false, `not as ${other}`);
        assert.equal(isAllowed(stanza(row.stanza, from, xml('other', row.ns)), 'out', OWN), false, 'not by another name');
      });
    }
  }

  for (const ns of ['urn:xmpp:media:server:0', 'urn:xmpp:media:server:0#transfer', 'urn:xmpp:media:control:0', 'urn:xmpp:xpmn:trust:0', 'urn:xmpp:xpmn:management:0', 'jabber:iq:version', 'jabber:client', '']) {
    it(`refuses a request of ${ns || 'no namespace'}`, () => {
      assert.equal(isAllowed(stanza('iq', 'juliet@home.test/x', xml('query', ns)), 'in', OWN), false);
      assert.equal(isAllowed(stanza('iq', undefined, xml('query', ns)), 'out', OWN), false);
    });
  }

  it('lets presence and answers pass', () => {
    assert.ok(isAllowed(stanza('presence', 'juliet@home.test/x', xml('x', 'urn:x')), 'in', OWN));
    for (const type of ['result', 'error']) assert.ok(isAllowed(xml('iq', 'jabber:client', { type }, xml('query', 'urn:secret')), 'out', OWN));
  });

  it('refuses a payload beside another, and none at all', () => {
    const ping = xml('ping', 'urn:xmpp:ping');
    assert.equal(isAllowed(stanza('iq', undefined, ping, xml('query', 'urn:x')), 'in', OWN), false);
    assert.equal(isAllowed(stanza('iq', undefined), 'in', OWN), false);
    assert.equal(isAllowed(stanza('message', 'juliet@home.test/x', xml('body', 'jabber:client', {}, 'hello')), 'in', OWN), false);
  });

  it('overlooks what servers put beside', () => {
    const changed = xml('changed', 'urn:xmpp:xpmn:management:0', { node: NODE });
    assert.ok(isAllowed(stanza('message', 'juliet@home.test', changed, xml('delay', 'urn:xmpp:delay')), 'in', OWN));
  });

  it('takes roster pushes from the own account only', () => {
    const push = xml('query', 'jabber:iq:roster');
    for (const from of [undefined, 'romeo@home.test', 'Romeo@HOME.test']) assert.equal(isAllowed(stanza('iq', from, push), 'in', OWN), true);
    for (const from of ['romeo@home.test/other', 'home.test', 'mallory@evil.test', 'no jid@@']) assert.equal(isAllowed(stanza('iq', from, push), 'in', OWN), false);
  });

  it('knows the nodes of the account, and no others', () => {
    const publish = (...nodes: (string | undefined)[]): XmlElement => stanza('iq', undefined, xml('pubsub', PUBSUB, {}, nodes.map((node) => xml('publish', PUBSUB, { node }))));
    for (const node of ACCOUNT_NODES) assert.equal(isAllowed(publish(node), 'out', OWN), true);
    for (const request of [publish('urn:xmpp:media:server:0'), publish(NODE, 'urn:other'), publish(undefined), publish()]) assert.equal(isAllowed(request, 'out', OWN), false);
    assert.equal(isAllowed(publish(NODE), 'in', OWN), false, 'nobody publishes here');
    const event = stanza('message', 'juliet@home.test', xml('event', `${PUBSUB}#event`, {}, xml('items', `${PUBSUB}#event`, { node: 'urn:xmpp:media:control:0' })));
    assert.equal(isAllowed(event, 'in', OWN), false);
    assert.equal(deservesAnswer(event), false, 'an event is ignored in silence');
  });

  it('answers what was said to us, and no errors, groups or headlines', () => {
    const said = (type: string | undefined, from: string | undefined = 'a@b/c'): XmlElement => xml('message', 'jabber:client', { type, from }, xml('body', 'jabber:client'));
    assert.deepEqual([undefined, 'chat', 'normal'].map((type) => deservesAnswer(said(type))), [true, true, true]);
    assert.deepEqual(['error', 'groupchat', 'headline'].map((type) => deservesAnswer(said(type))), [false, false, false]);
  });

  it('is asked by the router on the server stream only', () => {
    const query = stanza('iq', 'juliet@home.test/x', xml('query', 'urn:xmpp:media:server:0'));
    const server = { local: OWN, peer: undefined } as StanzaChannel;
    assert.equal(serverGate(server, query)?.code, 'security-required');
    assert.equal(serverGate({ ...server, peer: {} } as StanzaChannel, query), undefined);
  });

  it('leaves a device that is being paired nothing but pairing', () => {
    const by = (verdict: string | undefined): StanzaChannel => ({ local: OWN, peer: verdict && { verdict } }) as unknown as StanzaChannel;
    const ask = (ns: string): XmlElement => stanza('iq', undefined, xml('query', ns));
    for (const ns of ['urn:xmpp:xpmn:pairing:0', 'urn:xmpp:pubkey:0', 'http://jabber.org/protocol/disco#info', 'urn:xmpp:ping']) assert.equal(pairingGate(by('pairing'), ask(ns)), undefined);
    for (const ns of ['urn:xmpp:media:server:0', 'urn:xmpp:xpmn:trust:0', 'urn:xmpp:xpmn:management:0', 'urn:xmpp:jingle:1', '']) {
      assert.equal(pairingGate(by('pairing'), ask(ns))?.code, 'not-allowed', ns);
      for (const verdict of ['own', 'own-hosted', 'friend', undefined]) assert.equal(pairingGate(by(verdict), ask(ns)), undefined);
    }
  });
});
