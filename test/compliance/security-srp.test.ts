import type { Duplex } from 'node:stream';
import { noSrpProcesses, srpContext, srpParty } from '../support/srp-parties.ts';
import { duplexWire, socketWire } from '../support/wire.ts';
import { describeSecuredStream } from './secured-stream.suite.ts';

const over: Readonly<Record<string, () => Promise<[Duplex, Duplex]>>> = {
  'a Duplex': () => Promise.resolve(duplexWire()),
  'a TCP socket': () => socketWire(),
};

describe('security: srp, once open', function () {
  this.timeout(30_000);
  after(noSrpProcesses);

  for (const [name, wire] of Object.entries(over)) {
    describeSecuredStream(`srp over ${name}`, async () => {
      const [up, down] = await wire();
      const [initiator, responder] = await Promise.all([
        srpParty().method.secure(up, srpContext('initiator')),
        srpParty().method.secure(down, srpContext('responder')),
      ]);
      // A TCP connection over loopback holds megabytes of its own.
      return { initiator, responder, bound: 16 * 1024 * 1024 };
    });
  }
});
