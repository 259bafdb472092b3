import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { TaskGroup } from '../../src/xpmn/kernel/tasks.ts';
import { HeadsExchange } from '../../src/xpmn/links/heads-exchange.ts';
import type { PeerIdentity } from '../../src/xpmn/model/identity.ts';
import { bareJid, parseJid } from '../../src/xpmn/model/jid.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import { child, elements, withAttrs } from '../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import type { PeerLinks } from '../../src/xpmn/ports/peer-link.ts';
import type { IqHandler, IqRegistry, StanzaChannel } from '../../src/xpmn/ports/stanza-channel.ts';
import { ManagementController } from '../../src/xpmn/profiles/management-controller.ts';
import { addManagementNodes } from '../../src/xpmn/profiles/management-nodes.ts';
import { ManagementNotifier } from '../../src/xpmn/profiles/management-notifier.ts';
import type { NotifyVariant } from '../../src/xpmn/profiles/management-notifier.ts';
import { PubsubService } from '../../src/xpmn/pubsub/service.ts';
import { PubsubWire, elementBytes } from '../../src/xpmn/pubsub/wire.ts';
import { CertificateShelf } from '../../src/xpmn/trust/certificate-shelf.ts';
import { issueCertificate } from '../../src/xpmn/trust/certificate.ts';
import { signCertificate } from '../../src/xpmn/trust/keyinfo.ts';
import { ListStore } from '../../src/xpmn/trust/list-store.ts';
import type { VerifiedList } from '../../src/xpmn/trust/signed-list.ts';
import { NS_PUBSUB } from '../../src/xpmn/xmpp/pubsub-codec.ts';
import { NOW, options } from '../unit/trust/world.ts';
import type { Somebody } from '../unit/trust/world.ts';
import { channelPair } from './channel-pair.ts';
import type { ChannelEnd, ChannelPair } from './channel-pair.ts';
import { FakeClock, FakeRandom } from './fake-clock.ts';
import { MemoryStorage } from './memory-storage.ts';
import { settings } from './settings.ts';

type Spec = Parameters<IqRegistry['handle']>[0];

/** The handlers of a device, on every stream that it has. */
class Handlers implements IqRegistry {
  private readonly all: [Spec, IqHandler][] = [];

  handle(spec: Spec, handler: IqHandler): void {
    this.all.push([spec, handler]);
  }

  serve({ router }: ChannelEnd): void {
    for (const [spec, handler] of this.all) router.handle(spec, handler);
  }
}

export interface ActorSpec {
  readonly who: Somebody;
  readonly jid: string;
  readonly network: Somebody;
  /** The management device: it has the user key, and tells of changes in this way. */
  readonly notify?: NotifyVariant;
  /** What it has from the beginning. */
  readonly knows?: readonly VerifiedList[];
  /** Whether it exchanges heads with its peers, as all of ours do. */
  readonly gossips?: boolean;
}

/** A device with its lists and its side, or both sides, of the management service. */
export class Actor {
  readonly jid: Jid;
  readonly who: Somebody;
  readonly lists: ListStore;
  readonly controller: ManagementController;
  readonly certificate: Buffer;
  readonly handlers = new Handlers();
  /** Of this device, best first. */
  readonly channels: StanzaChannel[] = [];
  readonly wire: PubsubWire | undefined;
  readonly shelf: CertificateShelf | undefined;
  readonly heads: HeadsExchange | undefined;
  /** Streams that it opened. */
  dialed = 0;
  isReachable = true;
  private readonly world: ManagementWorld;

  constructor(world: ManagementWorld, { who, jid, network, notify, gossips = false }: ActorSpec, lists: ListStore) {
    this.world = world;
    this.jid = parseJid(jid);
    this.who = who;
    this.lists = lists;
    this.certificate = issueCertificate({ clock: world.clock, random: new FakeRandom() }, options, who.key, { commonName: jid, jid: this.jid }).der;
    const { clock, tasks } = world;
    const deps = { lists, clock, tasks, log: silentLogger, local: this.jid };
    this.controller = new ManagementController({ ...deps, links: this.links(), certificate: () => this.certificate }, { ...settings.management, ...options });
    if (gossips) {
      const heads = new HeadsExchange({ ...deps, registry: this.handlers, channels: () => this.channels }, options);
      lists.on('changed', (list) => heads.passOn(list));
      this.heads = heads;
    }
    if (!notify) return;
    const view = () => ({ lists: lists.snapshot, account: bareJid(this.jid), own: this.certificate, user: network.leaf, sign: (der: Buffer) => signCertificate(der, network.key, network.leaf) });
    const certificates = new CertificateShelf(view, { ...options, ...settings.management });
    const service = new PubsubService<XmlElement>({ sizeOf: elementBytes }, settings.pubsub);
    addManagementNodes({ service, lists, certificates }, { trust: options, tellsOwnDevices: notify !== 'hints' });
    const wire = new PubsubWire({ service, registry: this.handlers, tasks, log: silentLogger, channels: () => this.channels }, settings.pubsub);
    const notifier = new ManagementNotifier({
      ...deps, service, wire, certificates,
      server: () => ({ send: (stanza: XmlElement) => world.carry(this.jid, stanza) }) as StanzaChannel,
      isAvailable: (other) => world.find(other)?.isReachable ?? false,
    }, { ...settings.management, notify });
    notifier.start();
    this.wire = wire;
    this.shelf = certificates;
  }

  /** Its lists, by type and seconds since the beginning. */
  get known(): string {
    return this.lists.snapshot.lists.filter(({ network }) => network === this.lists.snapshot.network).map(({ type, seq }) => `${type} ${seq - NOW / 1000}`).sort().join();
  }

  async has(...lists: readonly VerifiedList[]): Promise<void> {
    for (const list of lists) await this.lists.offer(list.element);
  }

  /** A stream has opened. */
  opened({ channel }: ChannelEnd): void {
    this.channels.unshift(channel);
    channel.closed.addEventListener('abort', () => this.channels.splice(this.channels.indexOf(channel), 1), { once: true });
    this.heads?.begin(channel);
    this.wire?.opened(channel);
    this.controller.opened(channel);
  }

  private links(): PeerLinks {
    const none = (): never => {
      throw new XpmnError('not-supported', 'There are no byte streams here.');
    };
    return { to: (peer) => ({ peer, channel: () => this.channelTo(peer), byteStreams: none, openByteStreams: undefined, abortedByPeer: () => false }) };
  }

  private channelTo(peer: Jid): Promise<StanzaChannel> {
    const open = this.channels.find((channel) => channel.peer?.jid === peer);
    if (open) return Promise.resolve(open);
    const other = this.world.detours.get(peer) ?? this.world.find(peer);
    if (!other?.isReachable) return Promise.reject(new XpmnError('peer-unavailable', 'The device is not reachable now.'));
    this.dialed += 1;
    return Promise.resolve(this.world.connect(this, other).a.channel);
  }
}

/** Devices, the streams between them, and a server that carries their messages, or does with them what it likes. */
export class ManagementWorld {
  readonly clock = new FakeClock(NOW);
  readonly failures: unknown[] = [];
  readonly tasks = new TaskGroup((error) => this.failures.push(error));
  /** All that went over the server. */
  readonly carried: XmlElement[] = [];
  /** The server keeps everything to itself. */
  withholds = false;
  /** Who is reached in the place of whom. */
  readonly detours = new Map<Jid, Actor>();
  private readonly actors = new Map<Jid, Actor>();
  private readonly pairs: ChannelPair[] = [];

  async actor(spec: ActorSpec): Promise<Actor> {
    const lists = await ListStore.open({ storage: new MemoryStorage(), clock: this.clock }, options, spec.network.name);
    for (const list of spec.knows ?? []) await lists.offer(list.element);
    const actor = new Actor(this, spec, lists);
    this.actors.set(actor.jid, actor);
    return actor;
  }

  find(jid: Jid): Actor | undefined {
    return this.actors.get(jid);
  }

  /** Opens a stream on which each is who the other's lists say. */
  connect(a: Actor, b: Actor): ChannelPair {
    const pair = channelPair({ clock: this.clock, random: new FakeRandom(this.pairs.length + 1), a: a.jid, b: b.jid, peers: { a: identityOf(b, a), b: identityOf(a, b) } });
    this.pairs.push(pair);
    for (const [end, actor] of [['a', a], ['b', b]] as const) {
      actor.handlers.serve(pair[end]);
      pair[end].onStanza = (stanza) => actor.controller.received(stanza, pair[end].channel);
    }
    a.opened(pair.a);
    b.opened(pair.b);
    return pair;
  }

  carry(from: Jid, stanza: XmlElement): Promise<void> {
    const stamped = withAttrs(stanza, { from });
    this.carried.push(stamped);
    if (!this.withholds) this.deliver(stamped);
    return Promise.resolve();
  }

  /** The server says so, whoever it says it is from. */
  deliver(stanza: XmlElement): void {
    const to = this.actors.get(stanza.attrs['to'] as Jid);
    if (to?.isReachable) to.controller.hinted(stanza);
  }

  /** Requests for items that `who` has made, by node. */
  fetches(who: Actor): string[] {
    const requests = this.pairs.flatMap(({ a, b, sent }) => sent.filter(({ from, stanza }) => ({ a, b })[from].channel.local === who.jid && stanza.attrs['type'] === 'get').map(({ stanza }) => stanza));
    return requests.flatMap((stanza) => elements(stanza)).flatMap((payload) => child(payload, 'items', NS_PUBSUB) ?? [])
      .filter(({ attrs }) => attrs['node'] !== 'urn:xmpp:pubkey:0').map((items) => `${items.attrs['node']}${elements(items).map(({ attrs }) => ` ${attrs['id']}`).join()}`);
  }

  /** All streams end. */
  disconnect(): void {
    for (const pair of this.pairs) pair.close();
  }

  async end(): Promise<void> {
    this.disconnect();
    await this.tasks.close();
  }
}

function identityOf(who: Actor, viewer: Actor): PeerIdentity {
  const judgement = viewer.lists.judge(who.certificate, who.jid);
  if (judgement.verdict === 'stranger') throw new XpmnError('not-trusted', `${who.jid} is a stranger to ${viewer.jid}: ${judgement.reason}`);
  return judgement.identity;
}
