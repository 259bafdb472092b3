import assert from 'node:assert/strict';
import { ERROR_CODES, XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import { childText, elements, serialise, xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { iqError, iqRequest } from '../../../src/xpmn/xmpp/stanza.ts';
import { NS_STANZAS, STANZA_ERRORS, errorElement, errorFromStanza, unhandledElement } from '../../../src/xpmn/xmpp/stanza-error.ts';

const NS = 'jabber:client';
const request = iqRequest({ type: 'get', id: '1', payload: xml('a', 'urn:a') });

function answer(type: string | undefined, ...parts: XmlElement[]): XmlElement {
  return xml('iq', NS, { type: 'error', id: '1' }, xml('error', NS, { type }, parts));
}

describe('stanza errors', () => {
  const codes = Object.keys(ERROR_CODES) as ErrorCode[];

  for (const row of STANZA_ERRORS.filter(({ only }) => only === undefined)) {
    it(`carry ${row.code}${row.refines ? ` with ${row.app?.name}` : ''} there and back`, () => {
      const details: Record<string, string | number> = row.refines ? { condition: row.app?.name as string } : {};
      if (row.app?.details?.includes('size')) details['size'] = 4096;
      if (row.app?.details?.includes('etag')) details['etag'] = '"a&b"';
      if (row.app?.details?.includes('feature')) details['feature'] = 'create-nodes';
      const stanza = iqError(request, new XpmnError(row.code, 'Because.', { details }));
      const read = errorFromStanza(stanza);
      assert.equal(read.code, row.code);
      const said = ERROR_CODES[row.code] === 'refused' ? 'Because.' : '';
      assert.deepEqual(read.details, { said, ...details });
    });
  }

  it('are written with the conditions that the specifications name', () => {
    const written = (code: ErrorCode, details = {}): string => serialise(errorElement(new XpmnError(code, '', { details })), NS);
    assert.equal(written('not-allowed'), `<error type='auth'><forbidden xmlns='${NS_STANZAS}'/></error>`);
    assert.equal(written('out-of-order'), `<error type='wait'><unexpected-request xmlns='${NS_STANZAS}'/><out-of-order xmlns='urn:xmpp:jingle:errors:1'/></error>`);
    assert.equal(written('not-found', { condition: 'unknown-session' }), `<error type='cancel'><item-not-found xmlns='${NS_STANZAS}'/><unknown-session xmlns='urn:xmpp:jingle:errors:1'/></error>`);
    assert.equal(written('range-not-satisfiable', { size: 10 }), `<error type='modify'><not-acceptable xmlns='${NS_STANZAS}'/><range-not-satisfiable xmlns='urn:xmpp:media:server:0' size='10'/></error>`);
    assert.equal(written('entity-changed', { etag: 'e' }), `<error type='modify'><conflict xmlns='${NS_STANZAS}'/><changed xmlns='urn:xmpp:media:server:0' etag='e'/></error>`);
    assert.equal(written('not-supported', { condition: 'unsupported', feature: 'create-nodes' }), `<error type='cancel'><feature-not-implemented xmlns='${NS_STANZAS}'/><unsupported xmlns='http://jabber.org/protocol/pubsub#errors' feature='create-nodes'/></error>`);
    assert.equal(written('unexpected-request'), `<error type='wait'><unexpected-request xmlns='${NS_STANZAS}'/></error>`);
    assert.equal(serialise(unhandledElement(), NS), `<error type='cancel'><service-unavailable xmlns='${NS_STANZAS}'/></error>`);
  });

  it('are written for every code, unknown failures too, with one RFC condition', () => {
    for (const failure of [...codes.map((code) => new XpmnError(code, 'x')), new Error('x'), 'x', undefined]) {
      const conditions = elements(errorElement(failure)).filter(({ ns, name }) => ns === NS_STANZAS && name !== 'text');
      assert.equal(conditions.length, 1);
    }
  });

  it('do not say what is behind us', () => {
    const secret = '/home/me 192.168.1.5';
    const failures = [
      new Error(secret), new XpmnError('internal', secret), new XpmnError('storage-failed', secret), new XpmnError('origin-unreachable', secret),
      new XpmnError('login-failed', secret), new XpmnError('not-found', secret, { cause: new Error(secret) }), new XpmnError('not-found', 'x', { details: { path: secret } }),
      errorFromStanza(iqError(request, new XpmnError('not-found', secret))),
    ];
    for (const failure of failures) assert.ok(!serialise(errorElement(failure)).includes(secret));
    assert.equal(childText(errorElement(new XpmnError('not-found', 'There is no such item.')), 'text'), 'There is no such item.');
    assert.equal(errorFromStanza(iqError(request, new XpmnError('login-failed', secret))).code, 'internal');
  });

  it('never make a peer speak of our own business', () => {
    const local = ['aborted', 'connection-lost', 'not-trusted', 'security-failed', 'login-failed', 'server-untrusted', 'storage-failed', 'malformed'];
    for (const row of STANZA_ERRORS.filter(({ only }) => only !== 'out')) assert.ok(!local.includes(row.code), row.code);
    for (const code of codes) {
      const stanza = answer('cancel', xml('undefined-condition', NS_STANZAS), xml(code, 'urn:xmpp:xpmn:errors:0'));
      assert.ok(!local.includes(errorFromStanza(stanza).code));
    }
  });

  it('with an unknown condition mean what their type says', () => {
    const expected = { auth: 'not-authorized', cancel: 'not-acceptable', modify: 'bad-request', wait: 'peer-unavailable', continue: 'not-supported' };
    for (const [type, code] of Object.entries(expected)) {
      assert.equal(errorFromStanza(answer(type, xml('undefined-condition', NS_STANZAS))).code, code);
      assert.equal(errorFromStanza(answer(type, xml('something-new', NS_STANZAS))).code, code);
      assert.equal(errorFromStanza(answer(type)).code, code);
    }
    for (const type of [undefined, 'constructor', '__proto__']) assert.equal(errorFromStanza(answer(type)).code, 'protocol-violation');
    assert.equal(errorFromStanza(xml('iq', NS, { type: 'error' })).code, 'malformed');
  });

  it('know every condition of RFC 6120 but undefined-condition', () => {
    const all = `bad-request conflict feature-not-implemented forbidden gone internal-server-error item-not-found jid-malformed not-acceptable not-allowed
      not-authorized policy-violation recipient-unavailable redirect registration-required remote-server-not-found remote-server-timeout resource-constraint
      service-unavailable subscription-required unexpected-request`.split(/\s+/);
    for (const condition of all) {
      const read = errorFromStanza(answer('nonsense', xml(condition, NS_STANZAS)));
      assert.notEqual(read.code, 'protocol-violation', condition);
    }
  });

  it('read service-unavailable as the caller says', () => {
    const stanza = answer('cancel', xml('service-unavailable', NS_STANZAS));
    assert.equal(errorFromStanza(stanza).code, 'not-supported');
    assert.equal(errorFromStanza(stanza, { unavailable: 'peer-unavailable' }).code, 'peer-unavailable');
  });

  it('take only sane details and texts from a peer', () => {
    const range = (size: string): unknown => errorFromStanza(answer('modify', xml('not-acceptable', NS_STANZAS), xml('range-not-satisfiable', 'urn:xmpp:media:server:0', { size }))).details['size'];
    assert.equal(range('12'), 12);
    for (const size of ['-1', '1e3', '', 'x', '9'.repeat(16)]) assert.equal(range(size), undefined);
    const changed = errorFromStanza(answer('modify', xml('conflict', NS_STANZAS), xml('changed', 'urn:xmpp:media:server:0', { etag: 'x'.repeat(300) })));
    assert.deepEqual([changed.code, changed.details], ['entity-changed', { said: '' }]);
    const unsupported = errorFromStanza(answer('cancel', xml('feature-not-implemented', NS_STANZAS), xml('unsupported', 'http://jabber.org/protocol/pubsub#errors', { feature: 'x'.repeat(65) })));
    assert.deepEqual([unsupported.code, unsupported.details], ['not-supported', { said: '', condition: 'unsupported' }]);
    const text = `no\u001b[2J\r\n\u202eway${'!'.repeat(1000)}`;
    const { message } = errorFromStanza(answer('cancel', xml('conflict', NS_STANZAS), xml('text', NS_STANZAS, {}, text)));
    assert.match(message, /^The peer answered conflict: no \[2J way!+$/);
    assert.ok(message.length < 400);
  });
});
