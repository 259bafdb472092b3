import { EventEmitter } from 'node:events';
import type { Device, DeviceEvents } from '../../src/xpmn/device/device.ts';
import { PlayerSide } from '../../src/xpmn/gateway/player-side.ts';
import type { PlayerSideSettings } from '../../src/xpmn/gateway/player-side.ts';
import type { PeerDirectory, PeerPresence } from '../../src/xpmn/gateway/peer-directory.ts';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { TaskGroup } from '../../src/xpmn/kernel/tasks.ts';
import type { Verdict } from '../../src/xpmn/model/identity.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import type { PeerLink } from '../../src/xpmn/ports/peer-link.ts';
import type { IqHandler, IqRegistry, StanzaChannel } from '../../src/xpmn/ports/stanza-channel.ts';
import { answerAborts } from '../../src/xpmn/profiles/abort-stream.ts';
import { providePlayback } from '../../src/xpmn/profiles/playback.ts';
import { providePictures } from '../../src/xpmn/profiles/pictures.ts';
import { PlayerEvents } from '../../src/xpmn/profiles/player-events.ts';
import { provideRendering } from '../../src/xpmn/profiles/rendering.ts';
import { PubsubService } from '../../src/xpmn/pubsub/service.ts';
import { PubsubWire, elementBytes } from '../../src/xpmn/pubsub/wire.ts';
import { ScriptedPlayback } from '../fakes/scripted-playback.ts';
import { FakeStreams } from '../fakes/fake-streams.ts';
import { channelPair } from './channel-pair.ts';
import type { ChannelPair } from './channel-pair.ts';
import { FakeClock, FakeRandom } from './fake-clock.ts';
import { identity } from './secured-pair.ts';
import { settings } from './settings.ts';

/** Handlers of a device, on every stream that it has. */
class Handlers implements IqRegistry {
  private readonly all: Parameters<IqRegistry['handle']>[] = [];

  handle(spec: Parameters<IqRegistry['handle']>[0], handler: IqHandler): void {
    this.all.push([spec, handler]);
  }

  serve(registry: IqRegistry): void {
    for (const one of this.all) registry.handle(...one);
  }
}

/** A player (`b` on every stream), and whoever has a stream to it (`a`). */
export class PlayerRig {
  readonly clock = new FakeClock();
  readonly control = new ScriptedPlayback();
  readonly provider = identity('me@home.test/player', 'b', 'own-hosted');
  readonly streams = new FakeStreams();
  readonly failures: unknown[] = [];
  readonly tasks = new TaskGroup((error) => this.failures.push(error));
  /** What devices announce, where it is known. */
  readonly features = new Map<Jid, ReadonlySet<string>>();
  readonly service = new PubsubService<XmlElement>({ sizeOf: elementBytes }, settings.pubsub);
  readonly wire: PubsubWire;
  readonly events: PlayerEvents;
  /** Streams of the player, best first. */
  readonly channels: StanzaChannel[] = [];
  readonly pairs: ChannelPair[] = [];
  private readonly handlers = new Handlers();

  constructor() {
    const { control, handlers: registry, tasks, service } = this;
    const log = silentLogger;
    this.wire = new PubsubWire({ service, registry, tasks, log, channels: () => this.channels }, settings.pubsub);
    this.events = new PlayerEvents({ control, service, wire: this.wire, features: (peer) => this.features.get(peer) });
    const links = { to: () => this.linkOf('b') };
    providePlayback({ control, registry, links, random: new FakeRandom(5), log, opened: this.events.opened }, settings.playback);
    provideRendering({ control, registry });
    providePictures({ picture: control.picture, registry, links, random: new FakeRandom(7), log }, settings.playback);
    answerAborts({ registry, links });
    this.events.start();
  }

  /** A stream opens; `server`: one that proves nothing. */
  connect({ resource = 'controller', verdict = 'own', server = false }: { readonly resource?: string; readonly verdict?: Verdict; readonly server?: boolean } = {}): ChannelPair {
    const controller = identity(`me@home.test/${resource}`, 'a', verdict);
    const pair = channelPair({
      clock: this.clock, random: new FakeRandom(this.pairs.length + 1), a: controller.jid, b: this.provider.jid,
      ...(server ? {} : { peers: { a: this.provider, b: controller } }),
    });
    this.handlers.serve(pair.b.router);
    answerAborts({ registry: pair.a.router, links: { to: () => this.linkOf('a') } });
    this.pairs.push(pair);
    if (server) return pair;
    this.channels.unshift(pair.b.channel);
    pair.b.channel.closed.addEventListener('abort', () => this.channels.splice(this.channels.indexOf(pair.b.channel), 1));
    this.wire.opened(pair.b.channel);
    this.events.came(pair.b.channel);
    return pair;
  }

  /** A controller's way to the player over that stream. */
  linkOver({ a }: ChannelPair): PeerLink {
    return { ...this.linkOf('a'), channel: () => Promise.resolve(a.channel), openByteStreams: this.streams.a };
  }

  async end(): Promise<void> {
    for (const pair of this.pairs) pair.close();
    await this.tasks.close();
  }

  private linkOf(end: 'a' | 'b'): PeerLink {
    return {
      peer: this.provider.jid,
      channel: ({ signal }) => Promise.reject(new XpmnError('internal', `Nothing is opened here${signal.aborted ? '.' : ' now.'}`)),
      byteStreams: () => Promise.resolve(this.streams[end]),
      openByteStreams: this.streams[end],
      abortedByPeer: (id) => this.streams.abort(id),
    };
  }
}

/** A gateway's controller that can reach that player, or can't. */
export class ControllerRig {
  readonly side: PlayerSide;
  isReachable = true;
  /** How often it was tried. */
  dialed = 0;
  refusal: XpmnError | undefined;
  /** Its streams to the player, best first. */
  readonly pairs: ChannelPair[] = [];
  readonly device = new EventEmitter<DeviceEvents>();
  private readonly rig: PlayerRig;
  private readonly resource: string;
  private readonly changes = new EventEmitter<{ changed: [] }>();
  private isPresent = false;

  constructor(rig: PlayerRig, { resource = 'gateway', watch = {} }: { readonly resource?: string; readonly watch?: Partial<PlayerSideSettings['watch']> } = {}) {
    this.rig = rig;
    this.resource = resource;
    const presence: PeerPresence = { jid: rig.provider.jid, name: 'Player', features: new Set() };
    const directory: PeerDirectory = {
      on: (event, listener) => this.changes.on(event, listener),
      off: (event, listener) => this.changes.off(event, listener),
      all: () => (this.isPresent ? [presence] : []),
      find: (jid) => (this.isPresent && jid === presence.jid ? presence : undefined),
    };
    // Of a device, what a controller needs.
    const controller = {
      links: {
        to: () => ({ ...rig.linkOver({ a: {} } as ChannelPair), channel: () => this.channel() }),
        find: () => (this.pairs.length > 0 ? { openChannels: this.pairs.map(({ a }) => a.channel) } : undefined),
      },
      wasTurnedAway: () => false,
      on: this.device.on.bind(this.device), off: this.device.off.bind(this.device),
    } as unknown as Device;
    this.side = new PlayerSide({ clock: rig.clock, log: silentLogger, tasks: rig.tasks, controller, directory }, { ...settings, watch: { ...settings.watch, ...watch } });
    this.side.start();
  }

  /** A stream opens, by whichever side. */
  meet(): ChannelPair {
    const pair = this.rig.connect({ resource: this.resource });
    this.pairs.unshift(pair);
    pair.a.onStanza = (stanza) => void this.device.emit('message', stanza, pair.a.channel);
    pair.a.channel.closed.addEventListener('abort', () => this.pairs.splice(this.pairs.indexOf(pair), 1));
    this.device.emit('channelOpened', pair.a.channel);
    return pair;
  }

  /** What the server says of the player. */
  presence(isPresent: boolean): void {
    this.isPresent = isPresent;
    this.changes.emit('changed');
  }

  /** All streams end. */
  lose(): void {
    for (const pair of [...this.pairs]) pair.close();
  }

  private channel(): Promise<StanzaChannel> {
    if (this.refusal) return Promise.reject(this.refusal);
    if (this.pairs[0]) return Promise.resolve(this.pairs[0].a.channel);
    this.dialed += 1;
    return this.isReachable ? Promise.resolve(this.meet().a.channel) : Promise.reject(new XpmnError('peer-unavailable', 'The device is not reachable now.'));
  }
}
