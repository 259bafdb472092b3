import { systemRandom } from '../../src/xpmn/kernel/system.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import type { CandidateSource } from '../../src/xpmn/jingle/transports/candidate-source.ts';
import { NS_S5B } from '../../src/xpmn/jingle/transports/s5b-codec.ts';
import { createSocks5Transport } from '../../src/xpmn/jingle/transports/socks5.ts';
import { Socks5Listener } from '../../src/xpmn/jingle/transports/socks5-listener.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import { xml } from '../../src/xpmn/model/xml.ts';
import type { TransportMethod } from '../../src/xpmn/ports/transport.ts';
import { settings } from '../support/settings.ts';
import { TcpRelay, socketsBeyondNow } from '../support/tcp-relay.ts';
import { TrackedClock } from '../support/tracked-clock.ts';
import { describeTransport } from './transport.suite.ts';

const options = { ...settings.socks5, loopback: true };

/** Which side lets the other in: all are to be used as if there were no other. */
for (const reachable of ['both', 'initiator', 'responder'] as const) {
  describeTransport(`SOCKS5 bytestreams, reachable: ${reachable}`, async () => {
    const clock = new TrackedClock();
    const relay = new TcpRelay();
    const openSockets = socketsBeyondNow();
    const listeners: Socks5Listener[] = [];

    const side = async (role: 'initiator' | 'responder'): Promise<TransportMethod> => {
      const listener = new Socks5Listener({ clock, log: silentLogger }, { ...options.listener, host: '127.0.0.1' });
      listeners.push(listener);
      await listener.listen();
      const port = await relay.to(listener.port as number);
      const source: CandidateSource = { type: 'direct', addresses: () => Promise.resolve([{ host: '127.0.0.1', port, localHost: '127.0.0.1' }]) };
      const sources = reachable === 'both' || reachable === role ? [source] : [];
      return createSocks5Transport({ clock, random: systemRandom, listener, addresses: () => ['127.0.0.1'], sources }, options);
    };

    const transport = (...children: Parameters<typeof xml>[3][]) => xml('transport', NS_S5B, { sid: 'other' }, ...children);
    const expected = (): string[] => listeners.flatMap((listener) => Array<string>(listener.expected).fill('expectation'));
    const halfOpen = (): string[] => listeners.flatMap((listener) => Array<string>(listener.halfOpen).fill('half-open'));
    return {
      initiator: await side('initiator'),
      responder: await side('responder'),
      initiatorJid: parseJid('romeo@montague.lit/orchard'),
      responderJid: parseJid('juliet@capulet.lit/balcony'),
      slowReaderBound: 32 * 2 ** 20,
      independentEnds: true,
      malformedOffers: [xml('transport', 'urn:xmpp:jingle:transports:s5b:0', { sid: 't' }), xml('transport', NS_S5B, { sid: 't', mode: 'udp' })],
      malformedAnswers: [transport()],
      malformedInfos: [
        xml('transport', NS_S5B), transport(), transport(xml('candidate-used', NS_S5B, { cid: 'nobody' })), transport(xml('candidate-error', NS_S5B)),
        transport(xml('candidate-used', NS_S5B)), transport(xml('candidate-error', NS_S5B), xml('proxy-error', NS_S5B)),
      ],
      vanish: () => relay.cut(),
      leftovers: () => [...openSockets(), ...expected(), ...halfOpen(), ...Array<string>(clock.pending).fill('timer')],
      close: async () => {
        relay.close();
        await Promise.all(listeners.map((listener) => listener.close()));
      },
    };
  });
}
