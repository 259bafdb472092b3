import { systemClock } from '../../src/xpmn/kernel/system.ts';
import { FakePin } from '../fakes/fake-pin.ts';
import { PIN, WRONG_PIN } from '../support/pin-play.ts';
import { srpCbParty } from '../support/srp-cb-party.ts';
import { duplexWire, socketWire } from '../support/wire.ts';
import { describePinMemory } from './pin-memory.suite.ts';
import { describePinSecurity } from './pin-security.suite.ts';
import { contextFor, describeSecurity } from './security.suite.ts';
import type { SecuritySetup } from './security.suite.ts';
import { describeSecuredStream } from './secured-stream.suite.ts';

/** A damaged handshake may only end by its deadline: shortened here, so that the suite is quick. */
const options = { clock: systemClock, timeout: 2000 };

async function parties(): Promise<Awaited<ReturnType<SecuritySetup['parties']>>> {
  const [alice, bob, mallory] = await Promise.all([
    srpCbParty('alice', new FakePin(PIN), options), srpCbParty('bob', new FakePin(PIN), options), srpCbParty('mallory', new FakePin(WRONG_PIN), options),
  ]);
  return { alice, bob, mallory };
}

const over: Record<string, SecuritySetup['wire']> = {
  'a Duplex': (tap) => Promise.resolve(duplexWire(tap)),
  'a TCP socket': (tap) => socketWire(tap),
};

describePinMemory('srp-cb', { party: srpCbParty, wire: (tap) => Promise.resolve(duplexWire(tap)), binds: [] });

for (const [name, wire] of Object.entries(over)) {
  describeSecurity(`srp-cb over ${name}`, { parties, wire, asksNobody: true });
  describePinSecurity(`srp-cb over ${name}`, { party: srpCbParty, wire, binds: ['jids', 'methods'] });
  describeSecuredStream(`srp-cb over ${name}`, async () => {
    const { alice, bob } = await parties();
    const [up, down] = await wire();
    const [initiator, responder] = await Promise.all([
      alice.method.secure(up, contextFor(alice, bob, 'initiator')),
      bob.method.secure(down, contextFor(bob, alice, 'responder')),
    ]);
    // A TCP connection over loopback holds megabytes of its own.
    return { initiator, responder, bound: 16 * 1024 * 1024 };
  });
}
