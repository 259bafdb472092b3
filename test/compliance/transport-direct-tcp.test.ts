import type { Socket } from 'node:net';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { abortReason, abortable, deferred, throwIfAborted } from '../../src/xpmn/kernel/tasks.ts';
import { DirectListener, dialDirect } from '../../src/xpmn/jingle/transports/direct-tcp.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import { xml } from '../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import type { TransportContext, TransportMethod, TransportNegotiation } from '../../src/xpmn/ports/transport.ts';
import { settings } from '../support/settings.ts';
import { TcpRelay, socketsBeyondNow } from '../support/tcp-relay.ts';
import { TrackedClock } from '../support/tracked-clock.ts';
import { describeTransport } from './transport.suite.ts';

const NS = 'urn:example:direct-tcp';
const { directTcp } = settings;

/** Link-local streams know the address by other means; here it travels in a `<transport/>` so that the suite can run. */
class DirectNegotiation implements TransportNegotiation {
  private readonly deps: { readonly clock: TrackedClock; readonly relay: TcpRelay };
  private readonly context: TransportContext;
  private readonly life = new AbortController();
  private readonly arrived = deferred<Socket>();
  private readonly listener: DirectListener;
  private readonly sid: string;
  private port = 0;
  private handedOver = false;

  constructor(deps: { readonly clock: TrackedClock; readonly relay: TcpRelay }, context: TransportContext, sid: string) {
    this.deps = deps;
    this.context = context;
    this.sid = sid;
    this.listener = new DirectListener({ log: silentLogger, onSocket: (socket) => this.arrived.resolve(socket) }, { ...directTcp.listener, host: '127.0.0.1' });
    if (context.signal.aborted) this.end(abortReason(context.signal));
    else context.signal.addEventListener('abort', () => this.end(abortReason(context.signal)), { once: true });
  }

  async describe(): Promise<XmlElement> {
    throwIfAborted(this.life.signal);
    if (this.context.role === 'initiator') return xml('transport', NS, { sid: this.sid });
    await this.listener.listen();
    return xml('transport', NS, { sid: this.sid, port: await this.deps.relay.to(this.listener.port as number) });
  }

  answered({ ns, attrs }: XmlElement): void {
    if (ns !== NS || attrs['sid'] !== this.sid || attrs['port'] === undefined) throw new XpmnError('malformed', 'No address.');
    this.port = Number(attrs['port']);
  }

  received(): void {
    throw new XpmnError('not-found', 'There is nothing to say.');
  }

  async connect(): Promise<Socket> {
    const { signal } = this.life;
    const socket = await (this.context.role === 'initiator'
      ? dialDirect(this.deps, [{ host: '127.0.0.1', port: this.port }], directTcp, signal)
      : abortable(this.arrived.promise, signal));
    this.handedOver = true;
    this.listener.close();
    return socket;
  }

  destroy(): void {
    this.end(new XpmnError('aborted', 'Given up.'));
  }

  private end(reason: Error): void {
    this.listener.close();
    if (this.handedOver) return;
    this.life.abort(reason);
    this.arrived.promise.then((socket) => this.handedOver || socket.destroy(), () => undefined);
  }
}

describeTransport('direct TCP', () => {
  const clock = new TrackedClock();
  const relay = new TcpRelay();
  const openSockets = socketsBeyondNow();
  const method: TransportMethod = {
    namespace: NS,
    preference: 1,
    offer: (context) => new DirectNegotiation({ clock, relay }, context, 't1'),
    accept: (context, { ns, attrs: { sid } }) => {
      if (ns !== NS || sid === undefined) throw new XpmnError('malformed', 'No sid.');
      return new DirectNegotiation({ clock, relay }, context, sid);
    },
  };
  return Promise.resolve({
    initiator: method,
    responder: method,
    initiatorJid: parseJid('a@example.org/a'),
    responderJid: parseJid('b@example.org/b'),
    slowReaderBound: 32 * 2 ** 20,
    independentEnds: true,
    malformedOffers: [xml('transport', 'urn:example:other', { sid: 't1' })],
    malformedAnswers: [xml('transport', NS, { sid: 'another', port: 1 })],
    malformedInfos: [xml('transport', NS)],
    vanish: () => relay.cut(),
    leftovers: () => [...openSockets(), ...Array<string>(clock.pending).fill('timer')],
    close: () => Promise.resolve(relay.close()),
  });
});
