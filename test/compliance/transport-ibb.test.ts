import { ibbNamespace } from '../../src/xpmn/jingle/transports/ibb-codec.ts';
import { xml } from '../../src/xpmn/model/xml.ts';
import { ibbRig } from '../support/ibb-rig.ts';
import { settings } from '../support/settings.ts';
import { TrackedClock } from '../support/tracked-clock.ts';
import { describeTransport } from './transport.suite.ts';

const { blockSize, window, sendBuffer, receiveBuffer } = settings.ibb;

for (const version of [0, 1] as const) describeTransport(`in-band bytestreams, version ${version}`, () => {
  const ns = ibbNamespace(version);
  const clock = new TrackedClock();
  const { pair, initiator, responder, routers } = ibbRig(clock, version);
  const transport = (attrs: Record<string, string>) => xml('transport', ns, { 'sid': 'other', 'block-size': '4096', ...attrs });
  return Promise.resolve({
    initiator,
    responder,
    initiatorJid: pair.a.channel.local,
    responderJid: pair.b.channel.local,
    // The writer's buffer, what is on its way, and the reader's buffer; each may be exceeded by the one write that fills it.
    slowReaderBound: sendBuffer + receiveBuffer + 2 * window * blockSize + 3 * 65536,
    independentEnds: false,
    malformedOffers: [
      xml('transport', 'urn:xmpp:jingle:transports:ibb:2', { 'sid': 's', 'block-size': '4096' }),
      ...[{ 'block-size': '0' }, { 'block-size': '65536' }, { 'block-size': '-1' }, { 'block-size': '1' }, { sid: '' }, { stanza: 'message' }].map(transport),
    ],
    malformedAnswers: [transport({}), transport({ 'block-size': 'x' })],
    malformedInfos: [xml('transport', ns), transport({})],
    vanish: () => pair.close(),
    leftovers: () => [
      ...routers.flatMap((router) => Array<string>(router.size).fill('route')),
      ...Array<string>(pair.waiting).fill('request'), ...Array<string>(clock.pending).fill('timer'),
    ],
    close: () => Promise.resolve(pair.close()),
  });
});
