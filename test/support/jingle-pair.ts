import assert from 'node:assert/strict';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import type { KeyName, ListedPeer } from '../../src/xpmn/model/identity.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import type { StanzaChannel } from '../../src/xpmn/ports/stanza-channel.ts';
import { elements } from '../../src/xpmn/model/xml.ts';
import { createJingleManager } from '../../src/xpmn/jingle/manager.ts';
import type { Call, JingleManager, JingleOptions, OpenedSession } from '../../src/xpmn/jingle/manager.ts';
import type { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { Random } from '../../src/xpmn/kernel/clock.ts';
import { FakeApplication } from '../fakes/fake-application.ts';
import type { FakeOpen } from '../fakes/fake-application.ts';
import { FakeSecurity } from '../fakes/fake-security.ts';
import { FakeNetwork } from '../fakes/fake-transport.ts';
import type { FakeTransportMode } from '../fakes/fake-transport.ts';
import { channelPair } from './channel-pair.ts';
import type { ChannelPair, End } from './channel-pair.ts';
import { FakeClock, FakeRandom, settle } from './fake-clock.ts';
import { settings } from './settings.ts';

export const FAST = 'urn:example:fast';
export const SLOW = 'urn:example:slow';
export const APP = 'urn:example:app';

export interface Device {
  readonly jid: Jid;
  readonly fingerprint: string;
  readonly identity: ListedPeer;
  readonly manager: JingleManager;
  readonly application: FakeApplication;
  /** In order of preference. */
  readonly securities: readonly FakeSecurity[];
  readonly modes: { readonly fast: { mode: FakeTransportMode }; readonly slow: { mode: FakeTransportMode } };
  /** Sessions that the peer opened. */
  readonly opened: OpenedSession[];
  /** What `mayCall` says. */
  refuse: (call: Call) => XpmnError | undefined;
  accepts: boolean;
  /** Where its sessions may move to. */
  elsewhere: StanzaChannel | undefined;
}

export interface JinglePairOptions {
  /** Names of the security methods of each device. */
  readonly methods?: Partial<Record<End, readonly string[]>>;
  readonly options?: Partial<JingleOptions>;
  readonly randoms?: Partial<Record<End, Random>>;
  readonly endToEnd?: boolean;
}

/** Two devices with a manager each, a path for stanzas between them, and byte paths in memory. */
export class JinglePair {
  readonly clock = new FakeClock();
  readonly network = new FakeNetwork();
  readonly channels: ChannelPair;
  readonly a: Device;
  readonly b: Device;
  readonly abort = new AbortController();

  constructor({ methods = {}, options = {}, randoms = {}, endToEnd = false }: JinglePairOptions = {}) {
    const [a, b] = [identityOf('a'), identityOf('b')];
    this.channels = channelPair({ clock: this.clock, random: new FakeRandom(9), a: a.jid, b: b.jid, ...(endToEnd && { peers: { a: b, b: a } }) });
    const make = (end: End, own: ListedPeer, other: ListedPeer, seed: number): Device => {
      const fingerprint = end.repeat(40);
      const device: Device = {
        jid: own.jid,
        identity: own,
        fingerprint,
        securities: (methods[end] ?? ['x509']).map((name) => new FakeSecurity(name, fingerprint)),
        application: new FakeApplication(APP),
        modes: { fast: { mode: 'work' }, slow: { mode: 'work' } },
        opened: [],
        refuse: () => undefined,
        accepts: true,
        elsewhere: undefined,
        manager: undefined as unknown as JingleManager,
      };
      const manager = createJingleManager({
        clock: this.clock,
        random: randoms[end] ?? new FakeRandom(seed),
        log: silentLogger,
        local: own.jid,
        registry: this.channels[end].router,
        transports: [this.network.method(FAST, 2, device.modes.fast), this.network.method(SLOW, 1, device.modes.slow)],
        securities: device.securities,
        applications: [device.application],
        fingerprint,
        accept: () => (device.accepts ? Promise.resolve(other) : Promise.reject(new Error('stranger'))),
        mayCall: (call) => device.refuse(call),
        channelTo: () => device.elsewhere,
        onOpened: (session) => device.opened.push(session),
      }, { ...settings.jingle, ...options });
      return Object.assign(device, { manager });
    };
    this.a = make('a', a, b, 1);
    this.b = make('b', b, a, 2);
  }

  open(end: End, transports?: readonly string[], signal: AbortSignal = this.abort.signal): Promise<FakeOpen> {
    const device = this[end];
    const peer = end === 'a' ? this.b : this.a;
    return device.manager.open({ peer: peer.jid, channel: this.channels[end].channel, application: device.application, transports, signal });
  }

  /** The same; what came of it, without anybody having to catch it. */
  attempt(end: End, transports?: readonly string[], signal?: AbortSignal): Promise<FakeOpen | Error> {
    return this.open(end, transports, signal).catch((error: unknown) => error as Error);
  }

  /** Jingle actions in the order they were sent, e.g. `a session-initiate`; a terminate with its reason. */
  get actions(): string[] {
    return actionsOf(this.channels);
  }

  /** Conditions of the error answers, in order. */
  get errors(): string[] {
    return this.channels.sent.flatMap(({ from, stanza }) => {
      const error = elements(stanza).find(({ name }) => name === 'error');
      return stanza.attrs.type === 'error' && error ? [`${from} ${elements(error).filter(({ name }) => name !== 'text').map(({ name }) => name).join('+')}`] : [];
    });
  }

  /** Lets ended sessions go; what is left then is a leak. */
  async assertNothingLeft(): Promise<void> {
    await settle(20);
    assert.deepEqual(this.a.manager.sessions(), []);
    assert.deepEqual(this.b.manager.sessions(), []);
    assert.deepEqual(this.network.leftovers, []);
    assert.equal(this.clock.pending, 0, 'a timer is left');
    assert.equal(this.channels.waiting, 0);
    for (const security of [...this.a.securities, ...this.b.securities]) assert.equal(security.running, 0);
  }
}

export function actionsOf({ sent }: ChannelPair): string[] {
  return sent.flatMap(({ from, stanza }) => {
    const jingle = elements(stanza).find(({ name }) => name === 'jingle');
    if (stanza.attrs.type !== 'set' || !jingle) return [];
    const reason = elements(jingle).find(({ name }) => name === 'reason');
    return [`${from} ${jingle.attrs.action}${reason ? ` ${elements(reason)[0]?.name}` : ''}`];
  });
}

export function identityOf(name: string): ListedPeer {
  return { verdict: 'own', key: `key-${name}` as KeyName, jid: parseJid(`${name}@example.org/device`), network: 'net' as KeyName, roles: [] };
}

/** Gives chosen ids, in order: for tie-breaks. */
export function chosenIds(...ids: readonly number[]): Random {
  const rest = [...ids];
  const other = new FakeRandom(77);
  return { bytes: (count) => (count === 8 && rest.length > 0 ? Buffer.alloc(8, rest.shift()) : other.bytes(count)), fraction: () => other.fraction() };
}
