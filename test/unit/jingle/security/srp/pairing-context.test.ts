import assert from 'node:assert/strict';
import { parseJid } from '../../../../../src/xpmn/model/jid.ts';
import { contextHash } from '../../../../../src/xpmn/jingle/security/srp/pairing-context.ts';
import type { PairingContext } from '../../../../../src/xpmn/jingle/security/srp/pairing-context.ts';

const context: PairingContext = {
  exporter: Buffer.alloc(32, 1),
  certificateHashes: { initiator: Buffer.alloc(32, 2), responder: Buffer.alloc(32, 3) },
  jids: { initiator: parseJid('romeo@home.test/a'), responder: parseJid('romeo@home.test/b') },
  methods: { initiator: ['x509', 'srp-cb'], responder: ['srp-cb'] },
};
const hash = (changes: Partial<PairingContext>): string => contextHash({ ...context, ...changes }).toString('hex');
const swapped = <T>({ initiator, responder }: { readonly initiator: T; readonly responder: T }): { initiator: T; responder: T } => ({ initiator: responder, responder: initiator });

describe('what a pairing is bound to', () => {
  it('is another for every field that is another, or is in the other\'s place', () => {
    const { certificateHashes, jids, methods } = context;
    const others = [
      {}, { exporter: Buffer.alloc(32) }, { exporter: Buffer.alloc(31, 1) },
      { certificateHashes: { ...certificateHashes, initiator: Buffer.alloc(32) } }, { certificateHashes: { ...certificateHashes, responder: Buffer.alloc(32) } }, { certificateHashes: swapped(certificateHashes) },
      { jids: { ...jids, initiator: parseJid('romeo@home.test/c') } }, { jids: { ...jids, responder: parseJid('romeo@home.test/c') } }, { jids: swapped(jids) },
      { methods: { ...methods, initiator: ['srp-cb'] } }, { methods: { ...methods, responder: ['srp-cb', 'x509'] } }, { methods: { initiator: [], responder: [] } }, { methods: swapped(methods) },
    ].map(hash);
    assert.equal(new Set(others).size, others.length);
  });

  it('does not depend on the order in which methods were named', () => {
    assert.equal(hash({ methods: { initiator: ['srp-cb', 'x509'], responder: ['srp-cb'] } }), hash({}));
    assert.deepEqual(context.methods.initiator, ['x509', 'srp-cb'], 'nobody\'s list is sorted');
  });

  it('keeps fields apart that read the same one after the other', () => {
    const jids = (initiator: string, responder: string): string => hash({ jids: { initiator: parseJid(initiator), responder: parseJid(responder) } });
    assert.notEqual(jids('home.test/ab', 'home.test/c'), jids('home.test/a', 'bhome.test/c'));
  });

  it('is nothing where a name could be two, or a field is too long to be counted', () => {
    assert.throws(() => hash({ methods: { initiator: ['srp-cb', 'x509,srp'], responder: ['srp-cb'] } }), { code: 'security-failed' });
    assert.throws(() => hash({ methods: { initiator: ['srp-cb', 'x'.repeat(65530)], responder: ['srp-cb'] } }), { code: 'security-failed' });
    assert.ok(hash({ methods: { initiator: ['srp-cb', 'x'.repeat(65528)], responder: ['srp-cb'] } }));
  });
});
