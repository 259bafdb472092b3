import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { EXPORTER, contextHash } from '../../../../src/xpmn/jingle/security/srp/pairing-context.ts';
import { decodeRecord, encodeRecord } from '../../../../src/xpmn/jingle/security/srp/records.ts';
import { provePin } from '../../../../src/xpmn/jingle/security/srp/run.ts';
import { createTlsMethod } from '../../../../src/xpmn/jingle/security/tls.ts';
import { systemClock, systemRandom } from '../../../../src/xpmn/kernel/system.ts';
import { parseJid } from '../../../../src/xpmn/model/jid.ts';
import type { SecurityMethod } from '../../../../src/xpmn/ports/security.ts';
import type { Role } from '../../../../src/xpmn/ports/transport.ts';
import { contextFor, outcome, refused } from '../../../compliance/security.suite.ts';
import type { Outcome, Party } from '../../../compliance/security.suite.ts';
import { FakePin } from '../../../fakes/fake-pin.ts';
import { PIN, TIMEOUT, assertSilent } from '../../../support/pin-play.ts';
import { settings } from '../../../support/settings.ts';
import { srpCbParty, testDevice } from '../../../support/srp-cb-party.ts';
import type { Device } from '../../../support/srp-cb-party.ts';
import { sha256, tlsEnd } from '../../../support/srp-cb-rig.ts';
import { duplexWire } from '../../../support/wire.ts';

/** How what one side says is carried to the other. */
type Carry = (from: Duplex, to: Duplex) => void;

const CARRIES: Readonly<Record<string, Carry>> = {
  'passes on what it reads': (from, to) => void from.pipe(to),
  'reads the records and writes them anew': (from, to) => {
    let kept: Buffer = Buffer.alloc(0);
    from.on('data', (chunk: Buffer) => {
      kept = Buffer.concat([kept, chunk]);
      for (;;) {
        const found = isRecord(kept);
        if (!found) break;
        kept = kept.subarray(found.size);
        to.write(encodeRecord(found.value));
      }
    });
    from.on('end', () => to.end());
  },
};

function isRecord(bytes: Buffer): ReturnType<typeof decodeRecord> {
  try {
    return decodeRecord(bytes);
  } catch {
    return undefined;
  }
}

/** The same run over the same records, bound to as much of the TLS session as `binds` says: what is left out is zeros. */
function loose(own: Device, pin: string, binds: { readonly exporter: boolean; readonly certificates: boolean }): SecurityMethod {
  const zeros = Buffer.alloc(32);
  return createTlsMethod(
    {
      name: 'srp-cb', what: 'The proof', timeout: TIMEOUT,
      async identify({ stream, leaf, exporter }, { role, local, peer, methods }, signal) {
        const both = <T>(ours: T, theirs: T): Record<Role, T> => (role === 'initiator' ? { initiator: ours, responder: theirs } : { initiator: theirs, responder: ours });
        const context = contextHash({
          exporter: binds.exporter ? exporter(EXPORTER.label, EXPORTER.length) : zeros,
          certificateHashes: binds.certificates ? both(sha256(own.certificate), sha256(leaf)) : both(zeros, zeros),
          jids: both(local, peer), methods,
        });
        await provePin(stream, role, { context, pin }, { random: systemRandom, burn: () => Promise.resolve() }, signal);
        return { verdict: 'pairing', key: leaf.toString('hex') as never, jid: peer };
      },
    },
    { credentials: own.credentials, clock: systemClock },
    settings.tls,
  );
}

/** Mallory between two that know the PIN: she has told each her own certificate for the other's, and ends TLS on both sides. */
async function between(initiator: Party, responder: Party, carry: Carry, use: (a: Outcome, b: Outcome, read: () => string) => Promise<void> | void, names = [initiator, responder]): Promise<void> {
  const mallory = await testDevice('mallory');
  const [near, nearFar] = duplexWire();
  const [farNear, far] = duplexWire();
  const [first, second] = names as [Party, Party];
  const announced = { announcedFingerprint: mallory.fingerprint };
  const results = Promise.all([
    outcome(initiator.method.secure(near, contextFor(first, second, 'initiator', announced)), near),
    outcome(responder.method.secure(far, contextFor(second, first, 'responder', announced)), far),
  ]);
  const [toInitiator, toResponder] = await Promise.all([tlsEnd('responder', nearFar, mallory), tlsEnd('initiator', farNear, mallory)]);
  let read = '';
  toInitiator.on('data', (chunk: Buffer) => (read += chunk.toString()));
  for (const [from, to] of [[toInitiator, toResponder], [toResponder, toInitiator]] as const) {
    carry(from, to);
    from.once('close', () => to.destroy());
  }
  const [a, b] = await results;
  try {
    for (const { error } of [a, b]) assertSilent(error);
    await use(a, b, () => read);
  } finally {
    for (const end of [a.stream?.stream, b.stream?.stream, near, far, nearFar, farNear]) end?.destroy();
  }
}

describe('srp-cb with somebody in the middle who ends TLS on both sides', () => {
  const party = async (name: string, method?: (own: Device) => SecurityMethod): Promise<Party & { pin: FakePin }> => {
    const pin = new FakePin(PIN);
    const honest = await srpCbParty(name, pin, { clock: systemClock, timeout: TIMEOUT });
    return { ...honest, pin, ...(method && { method: method(await testDevice(name)) }) };
  };

  for (const [how, carry] of Object.entries(CARRIES)) {
    it(`fails on both sides though both know the PIN, when she ${how}`, async () => {
      const [alice, bob] = [await party('alice'), await party('bob')];
      await between(alice, bob, carry, (a, b) => {
        refused(a, 'security-failed');
        refused(b, 'security-failed');
        assert.deepEqual([alice.pin.ended, bob.pin.ended], [[false], [false]]);
      });
    });

    for (const binds of [{ exporter: true, certificates: true }, { exporter: true, certificates: false }, { exporter: false, certificates: true }]) {
      it(`fails in the same run without our method around it, bound to ${Object.entries(binds).filter(([, is]) => is).map(([name]) => name).join(' and ')}, when she ${how}`, async () => {
        const method = (own: Device): SecurityMethod => loose(own, PIN, binds);
        await between(await party('alice', method), await party('bob', method), carry, (a, b) => {
          assert.equal(a.stream, undefined);
          refused(b, 'security-failed');
        });
      });
    }

    it(`would succeed, and she would read everything, without that binding, when she ${how}: it is what stops her`, async () => {
      const method = (own: Device): SecurityMethod => loose(own, PIN, { exporter: false, certificates: false });
      await between(await party('alice', method), await party('bob', method), carry, async (a, b, read) => {
        assert.ok(a.stream && b.stream);
        if (how !== 'passes on what it reads') return;
        a.stream.stream.write('the family photographs');
        const [got] = (await once(b.stream.stream, 'data')) as [Buffer];
        assert.equal(got.toString(), 'the family photographs');
        assert.ok(read().includes('the family photographs'));
      });
    });
  }

  it('proves nothing to a device that is called with its own words, as if it were the other role', async () => {
    // One device, called and calling at once, with the same PIN in both: what it says as one is brought to it as the other.
    const [calling, called] = [await party('alice'), await party('alice')];
    const elsewhere: Party = { ...called, jid: parseJid('romeo@home.test/bob') };
    await between(calling, called, CARRIES['passes on what it reads'] as Carry, (a, b) => {
      refused(a, 'security-failed');
      refused(b, 'security-failed');
    }, [calling, elsewhere]);
  });
});
