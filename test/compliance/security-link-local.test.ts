import { LinkDevice, linkParty, securedOver } from '../support/serverless-rig.ts';
import { socketWire } from '../support/wire.ts';
import { describeSecuredStream } from './secured-stream.suite.ts';

describeSecuredStream('STARTTLS between devices', async () => {
  const [alice, bob] = await Promise.all([linkParty('alice'), linkParty('bob')]);
  const ends = await securedOver(await socketWire(), { initiator: new LinkDevice(alice, [bob]), responder: new LinkDevice(bob, [alice]) });
  // A TCP connection over loopback holds megabytes of its own.
  return { ...ends, bound: 16 * 1024 * 1024 };
});
