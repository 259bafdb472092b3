import { parseJid } from '../../src/xpmn/model/jid.ts';
import { xml } from '../../src/xpmn/model/xml.ts';
import { FakeNetwork } from '../fakes/fake-transport.ts';
import { describeTransport } from './transport.suite.ts';

const NS = 'urn:example:transport';

describeTransport('fake', async () => {
  const network = new FakeNetwork();
  return {
    initiator: network.method(NS, 1),
    responder: network.method(NS, 1),
    initiatorJid: parseJid('a@example.org/a'),
    responderJid: parseJid('b@example.org/b'),
    slowReaderBound: 2 ** 18,
    independentEnds: true,
    malformedOffers: [xml('transport', 'urn:example:other', { sid: 't1' })],
    malformedAnswers: [xml('transport', NS, { sid: 'another' })],
    malformedInfos: [xml('transport', NS, { sid: 'another' }), xml('transport', NS)],
    vanish: () => network.cut(),
    leftovers: () => network.leftovers,
    close: () => Promise.resolve(),
  };
});
