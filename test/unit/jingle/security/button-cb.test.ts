import assert from 'node:assert/strict';
import { createSrpCb } from '../../../../src/xpmn/jingle/security/srp-cb.ts';
import type { SrpCbName } from '../../../../src/xpmn/jingle/security/srp-cb.ts';
import { systemClock, systemRandom } from '../../../../src/xpmn/kernel/system.ts';
import { BUTTON_PIN } from '../../../../src/xpmn/pairing/button-window.ts';
import { deviceKeyOf } from '../../../../src/xpmn/trust/certificate.ts';
import { contextFor, outcome, refused } from '../../../compliance/security.suite.ts';
import type { Outcome, Party } from '../../../compliance/security.suite.ts';
import { FakePin } from '../../../fakes/fake-pin.ts';
import { TIMEOUT } from '../../../support/pin-play.ts';
import { settings } from '../../../support/settings.ts';
import { srpCbParty, testDevice } from '../../../support/srp-cb-party.ts';
import { duplexWire } from '../../../support/wire.ts';

const METHODS = { initiator: ['srp-cb', 'button-cb'], responder: ['srp-cb', 'button-cb'] };

describe('a button and a PIN', () => {
  const material: Buffer[] = [];

  async function party(who: string, name: SrpCbName, pin: string): Promise<Party> {
    const { credentials } = await testDevice(who);
    const deps = { credentials, clock: systemClock, random: systemRandom, pin: new FakePin(pin), keyOf: deviceKeyOf };
    const method = createSrpCb(
      { ...deps, proven: (_, exporter) => void material.push(exporter('EXPORTER-XPMN-Comparison-v1', 32)) },
      { ...settings.tls, ...settings.pairing, proofTimeout: TIMEOUT, leastBurnTime: 5 }, name,
    );
    return { ...(await srpCbParty(who, deps.pin, { clock: systemClock, timeout: TIMEOUT })), method };
  }

  /** Both have seen the same offers: it is not these that tell the two apart. */
  async function run(initiator: [SrpCbName, string], responder: [SrpCbName, string]): Promise<Outcome[]> {
    const [alice, bob] = [await party('alice', ...initiator), await party('bob', ...responder)];
    const [up, down] = duplexWire();
    material.length = 0;
    const both = await Promise.all([
      outcome(alice.method.secure(up, contextFor(alice, bob, 'initiator', { methods: METHODS })), up),
      outcome(bob.method.secure(down, contextFor(bob, alice, 'responder', { methods: METHODS })), down),
    ]);
    for (const end of [both[0].stream?.stream, both[1].stream?.stream, up, down]) end?.destroy();
    return both;
  }

  it('each work with their own kind, and give both ends what only that session has', async () => {
    for (const name of ['button-cb', 'srp-cb'] as const) {
      for (const { stream } of await run([name, BUTTON_PIN], [name, BUTTON_PIN])) assert.equal(stream?.method, name);
      assert.equal(material.length, 2);
      assert.ok(material[0]?.equals(material[1] as Buffer));
    }
  });

  it('are never taken for one another, though both ends know the same word', async () => {
    for (const [one, other] of [['button-cb', 'srp-cb'], ['srp-cb', 'button-cb']] as const) {
      for (const end of await run([one, BUTTON_PIN], [other, BUTTON_PIN])) refused(end, 'security-failed');
      assert.deepEqual(material, []);
    }
  });
});
