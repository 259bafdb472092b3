import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createHostSource } from '../../src/xpmn/jingle/transports/candidate-source.ts';
import { destinationOf, formatInfo, formatTransport, parseTransport, priorityOf } from '../../src/xpmn/jingle/transports/s5b-codec.ts';
import type { Candidate } from '../../src/xpmn/jingle/transports/s5b-codec.ts';
import { requestBytestream } from '../../src/xpmn/jingle/transports/socks5-handshake.ts';
import { Socks5Listener } from '../../src/xpmn/jingle/transports/socks5-listener.ts';
import { createSocks5Transport } from '../../src/xpmn/jingle/transports/socks5.ts';
import type { Socks5Options } from '../../src/xpmn/jingle/transports/socks5-options.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemRandom } from '../../src/xpmn/kernel/system.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import type { Role, TransportContext, TransportMethod, TransportNegotiation } from '../../src/xpmn/ports/transport.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { settings } from './settings.ts';

export const ROMEO = parseJid('romeo@montague.lit/orchard');
export const JULIET = parseJid('juliet@capulet.lit/balcony');

/** A candidate of the initiator that the test plays. */
export const at = (port: number, more: Partial<Candidate> = {}): Candidate => (
  { cid: `c${port}`, host: '127.0.0.1', port, jid: ROMEO, priority: priorityOf('direct', 1000), type: 'direct', ...more }
);
export const used = (cid: string): XmlElement => formatInfo({ kind: 'candidate-used', sid: 's1', cid });
export const error = formatInfo({ kind: 'candidate-error', sid: 's1' });

export interface Side {
  readonly method: TransportMethod;
  readonly listener: Socks5Listener;
}

/** Bytestreams on loopback with a clock of their own; made anew and cleaned up around every test of the describe it is called in. */
export function socks5Rig() {
  let clock: FakeClock;
  let closers: (() => unknown)[];
  /** The transport-infos that our side sent to a scripted peer. */
  let infos: XmlElement[];

  beforeEach(() => {
    clock = new FakeClock();
    closers = [];
    infos = [];
  });

  afterEach(async () => {
    for (const close of closers.reverse()) await close();
    assert.equal(clock.pending, 0);
  });

  function own<T extends { destroy(): unknown }>(thing: T): T {
    closers.push(() => thing.destroy());
    return thing;
  }

  async function side({ listen = true, addresses = ['127.0.0.1'], ...options }: Partial<Socks5Options> & { listen?: boolean; addresses?: string[] } = {}): Promise<Side> {
    const listener = new Socks5Listener({ clock, log: silentLogger }, { ...settings.socks5.listener, host: '127.0.0.1' });
    if (listen) await listener.listen();
    closers.push(() => listener.close());
    const merged = { ...settings.socks5, loopback: true, ...options };
    const sources = [createHostSource({ listener, addresses: () => addresses }, merged)];
    return { listener, method: createSocks5Transport({ clock, random: systemRandom, listener, addresses: () => addresses, sources }, merged) };
  }

  function context(role: Role, sendInfo: (info: XmlElement) => Promise<void> = (info) => Promise.resolve(void infos.push(info))): TransportContext {
    const [local, peer] = role === 'initiator' ? [ROMEO, JULIET] : [JULIET, ROMEO];
    return { role, local, peer, sendInfo, signal: new AbortController().signal };
  }

  /** Our responder, facing an initiator that the test plays. */
  async function facing(candidates: readonly Candidate[], { dstaddr, ...options }: Parameters<typeof side>[0] & { dstaddr?: string } = {}) {
    const { method, listener } = await side(options);
    const negotiation = own(method.accept(context('responder'), formatTransport({ sid: 's1', dstaddr, candidates })));
    return { negotiation, listener, described: parseTransport(await negotiation.describe()) };
  }

  async function negotiated(a: Side, b: Side): Promise<readonly [TransportNegotiation, TransportNegotiation]> {
    const offer: TransportNegotiation = own(a.method.offer(context('initiator', async (info) => answer.received(info))));
    const offered = await offer.describe();
    const answer: TransportNegotiation = own(b.method.accept(context('responder', async (info) => offer.received(info)), offered));
    offer.answered(await answer.describe());
    return [offer, answer];
  }

  async function listening(onSocket: (socket: Socket) => void): Promise<number> {
    const server: Server = createServer((socket) => {
      socket.on('error', () => undefined);
      closers.push(() => socket.destroy());
      onSocket(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => server.close());
    return (server.address() as AddressInfo).port;
  }

  const verdict = (): string | undefined => (infos[0]?.children[0] as XmlElement | undefined)?.name;
  const until = async (claim: () => boolean): Promise<void> => {
    for (let i = 0; i < 5000 && !claim(); i += 1) await settle(1);
    assert.ok(claim());
  };

  /** The test as the initiator: a bytestream to a candidate of our responder. */
  async function reach({ port }: { readonly port: number }): Promise<Socket> {
    const socket = own(connect({ port, host: '127.0.0.1' }));
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    await requestBytestream(socket, destinationOf('s1', JULIET, ROMEO), new AbortController().signal);
    return socket;
  }

  return {
    get clock() {
      return clock;
    },
    get infos() {
      return infos;
    },
    own, side, context, facing, negotiated, listening, reach, verdict, until,
  };
}
