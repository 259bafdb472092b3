import { EventEmitter } from 'node:events';
import { createOutOfBand } from '../jingle/applications/oob.ts';
import type { OobSession } from '../jingle/applications/oob-session.ts';
import { createJingleManager } from '../jingle/manager.ts';
import type { JingleManager, OpenedSession } from '../jingle/manager.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { TaskGroup } from '../kernel/tasks.ts';
import { IN_BAND, createByteWays } from '../links/byte-ways.ts';
import type { ByteWays } from '../links/byte-ways.ts';
import type { ByteWay, ByteSession, Opened, SecuredChannel } from '../links/dialer.ts';
import { HeadsExchange } from '../links/heads-exchange.ts';
import { createJingleDialer } from '../links/jingle-dialer.ts';
import { Links } from '../links/links.ts';
import type { LocalEndpoint } from '../links/local-exchange.ts';
import { PathMemory } from '../links/path.ts';
import { TurnedAway } from '../links/turned-away.ts';
import type { Jid } from '../model/jid.ts';
import type { ListedPeer, PeerIdentity } from '../model/identity.ts';
import { NS } from '../model/namespaces.ts';
import type { XmlElement } from '../model/xml.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import type { XmppAccount, XmppConnection } from '../ports/xmpp-connection.ts';
import { abortStream, answerAborts } from '../profiles/abort-stream.ts';
import type { Describe } from '../serverless/conversation.ts';
import { pairingGate, serverGate } from '../xmpp/allow-list.ts';
import { IqRouter } from '../xmpp/iq-router.ts';
import { channelMethodFor } from './channel-method.ts';
import { DeviceSecurities } from './device-securities.ts';
import type { SecuritiesSpec } from './device-securities.ts';
import type { DeviceSettings } from './device-settings.ts';
import type { DeviceShared } from './device-shared.ts';
import { LinkLocalSide } from './link-local-side.ts';
import { createTransports } from './transports.ts';
import { mayPair, mayShakeHands, refusalOf } from './who-may-call.ts';

export interface DeviceSpec extends SecuritiesSpec {
  /** Who it is to the other devices of this process. */
  readonly identity: ListedPeer;
  /** How it logs in at first, until somebody decides; undefined for a device that is only reached inside the process, and on the local link. */
  readonly account: XmppAccount | undefined;
}

export interface DeviceEvents {
  /** An end-to-end stream has opened, by whichever side; several may be open to one peer. */
  channelOpened: [channel: StanzaChannel];
  /** A message of the peer of an end-to-end stream. */
  message: [message: XmlElement, channel: StanzaChannel];
}

/**
 * One XPMN device: a full JID, a key, a presence. It has its own connection to the server, its side of the local link, its
 * Jingle sessions, and its links to other devices; services register with `router`.
 */
export class Device extends EventEmitter<DeviceEvents> {
  readonly jid: Jid;
  readonly router: IqRouter;
  readonly connection: XmppConnection | undefined;
  readonly links: Links;
  /** What it says of itself to anybody on the local link; nothing, unless somebody sets it. */
  describe: Describe | undefined;
  private readonly shared: DeviceShared;
  private readonly spec: DeviceSpec;
  private readonly settings: DeviceSettings;
  private readonly log: Logger;
  private readonly tasks: TaskGroup;
  private readonly paths = new PathMemory();
  private readonly turnedAway: TurnedAway;
  private readonly channelMethod;
  private readonly bytesMethod;
  private readonly securities: DeviceSecurities;
  private readonly jingle: JingleManager | undefined;
  private readonly linkLocal: LinkLocalSide | undefined;
  private readonly heads: HeadsExchange;
  private readonly endpoint: LocalEndpoint;

  constructor(shared: DeviceShared, spec: DeviceSpec, settings: DeviceSettings) {
    super();
    this.shared = shared;
    this.spec = spec;
    this.settings = settings;
    this.jid = spec.credentials.jid;
    const log = shared.log.child('device', { device: this.jid });
    this.log = log;
    this.tasks = new TaskGroup((error) => log.warn('something in the background failed', { error }));
    const { clock } = shared;
    this.turnedAway = new TurnedAway(settings.turnedAway);
    this.router = new IqRouter({ log, gate: (channel, stanza) => serverGate(channel, stanza) ?? pairingGate(channel, stanza) }, settings.iq);
    this.channelMethod = this.paths.watch(
      channelMethodFor({ clock, random: shared.random, log, router: this.router, onMessage: (message, channel) => void this.emit('message', message, channel) }, settings),
    );
    this.bytesMethod = this.paths.watch(
      createOutOfBand({ clock, pool: shared.pool, budget: shared.budget, givenUp: (session, id) => this.tellGivenUp(session, id), doubted: ({ peer }) => this.doubt(peer.jid) }, settings.outOfBand),
    );
    this.endpoint = {
      identity: spec.identity,
      channelMethod: this.channelMethod,
      bytesMethod: this.bytesMethod,
      onChannel: (peer, opened) => this.links.to(peer).addChannel(opened),
      onBytes: (peer, opened) => this.links.to(peer).addBytes(opened),
    };
    this.securities = new DeviceSecurities(spec, shared, settings);
    this.connection = spec.account && shared.connect(spec.account, this.router);
    this.jingle = this.connection || shared.linkLocal ? this.createJingle() : undefined;
    this.linkLocal = this.createLinkLocal();
    this.links = this.createLinks();
    answerAborts({ registry: this.router, links: this.links });
    this.heads = new HeadsExchange(
      { lists: shared.lists, registry: this.router, tasks: this.tasks, log, channels: () => this.channels },
      settings.heads,
    );
  }

  /** All end-to-end streams that are open now; of one peer's, the best first. */
  get channels(): readonly StanzaChannel[] {
    return this.links.all().flatMap((link) => link.openChannels);
  }

  /** Begins to be there: inside the process and on the local link. On the server it is when its connection was started. */
  start(): void {
    this.shared.exchange.add(this.endpoint);
    this.linkLocal?.start();
    this.shared.lists.on('changed', this.onListChanged);
  }

  /** Ends everything in order within `signal`, then at once. */
  async stop({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    this.shared.exchange.remove(this.jid);
    this.linkLocal?.leave();
    this.shared.lists.off('changed', this.onListChanged);
    await this.links.close({ signal });
    this.linkLocal?.close();
    await this.jingle?.closeAll({ signal });
    await this.connection?.stop({ signal });
    await this.tasks.close();
  }

  /** The server says that the peer is gone. */
  peerGone(peer: Jid): void {
    this.links.peerGone(peer, new XpmnError('peer-unavailable', 'The device is gone.'));
  }

  /** Whether the peer may take us for a stranger; called again, it is shown who we are. */
  wasTurnedAway(peer: Jid): boolean {
    return this.turnedAway.has(peer);
  }

  /** Ends all sessions with other machines, at once. */
  endSessions(error: XpmnError): void {
    this.jingle?.endSessions(() => true, error);
    this.linkLocal?.end(() => true, error);
  }

  /** Verdicts may have changed: sessions of whoever would not be accepted now end. */
  reconsiderPeers(): void {
    const { acceptor } = this.shared;
    // Who is being paired is listed nowhere: its time ends otherwise.
    const isOut = (peer: PeerIdentity): boolean => peer.verdict !== 'pairing' && !acceptor.stillHolds(peer);
    this.jingle?.endSessions(({ identity }) => identity !== undefined && isOut(identity));
    this.linkLocal?.end(isOut);
  }

  /** Nobody is to be paired any more: whoever has proven the PIN, and is not in the network, has nothing to say. */
  endPairing(): void {
    const ended = new XpmnError('not-allowed', 'The pairing has ended.');
    this.jingle?.endSessions(({ identity }) => identity?.verdict === 'pairing', ended);
    this.linkLocal?.end((peer) => peer.verdict === 'pairing', ended);
  }

  /** A list changes verdicts, and the news travels on. */
  private readonly onListChanged = (list: Parameters<HeadsExchange['passOn']>[0]): void => {
    this.reconsiderPeers();
    this.heads.passOn(list);
  };

  private createJingle(): JingleManager {
    const { clock, random, acceptor, lists } = this.shared;
    return createJingleManager(
      {
        clock, random, log: this.log, local: this.jid, registry: this.router,
        transports: createTransports(this.shared, { registry: this.router, server: this.connection?.channel }, this.settings),
        securities: this.securities.listed,
        moreSecurities: (call) => (mayPair(call, this.jid) ? this.securities.openPinMethods : []),
        applications: [this.channelMethod, this.bytesMethod],
        fingerprint: this.securities.fingerprint,
        accept: acceptor.accept,
        mayCall: (call) => refusalOf(call, lists.snapshot, this.jid),
        channelTo: (peer) => this.links.find(peer)?.openChannels[0],
        onOpened: (session) => this.opened(session),
      },
      this.settings.jingle,
    );
  }

  private createLinkLocal(): LinkLocalSide | undefined {
    const { shared: { clock, acceptor, linkLocal, lists }, spec: { identity }, securities, jingle } = this;
    if (!linkLocal || !jingle) return undefined;
    return new LinkLocalSide({
      clock, log: this.log, shared: linkLocal,
      local: this.jid,
      fingerprint: securities.fingerprint,
      isGateway: identity.roles.includes('host'),
      // Who pairs calls: whom we call ourselves is not asked for a PIN.
      methods: (peer, role) => [...(mayShakeHands(peer, lists.snapshot, this.jid) || linkLocal.isClaimed(peer) ? securities.listed : []), ...(role === 'responder' ? securities.openPairingMethods : [])],
      accept: acceptor.accept,
      channelMethod: this.channelMethod,
      turnedAway: this.turnedAway,
      paths: this.paths,
      describe: (node) => this.describe?.(node),
      isLinked: (peer) => this.links.find(peer)?.path === 'link-local',
      waysToBytes: (peer, via) => this.waysOnLink(jingle, peer, via),
      onChannel: (peer, opened) => {
        // Who is being paired is nobody yet: what it asks is answered on its stream, and nothing is ever sent to it.
        if (opened.application.channel.peer?.verdict !== 'pairing') this.links.to(peer).addChannel(opened);
      },
    }, this.settings.linkLocal);
  }

  /** In-band bytes go through the server, on the local link, too: where it does not reach both, there are only sockets. */
  private waysOnLink(jingle: JingleManager, peer: Jid, via: StanzaChannel): readonly ByteWay[] {
    const isOnServer = this.connection?.state === 'online' && this.shared.isAvailable(peer);
    return this.byteWays(jingle)(peer, via, (transport) => isOnServer || !IN_BAND.includes(transport));
  }

  private byteWays(jingle: JingleManager): ByteWays {
    return createByteWays({ jingle, bytesMethod: this.bytesMethod, paths: this.paths });
  }

  private createLinks(): Links {
    const { clock, exchange, features, isAvailable } = this.shared;
    const dialers = [exchange.dialerFor(this.endpoint)];
    if (this.linkLocal) dialers.push(this.linkLocal.dialer);
    if (this.jingle && this.connection) {
      const { jingle, connection } = this;
      dialers.push(createJingleDialer({
        jingle, features,
        server: connection.channel,
        channelMethod: this.channelMethod,
        byteWays: this.byteWays(jingle),
        paths: this.paths,
        turnedAway: this.turnedAway,
        isReachable: (peer) => this.isOnPathOfItsOwn(peer) || (connection.state === 'online' && (isAvailable(peer) || this.isLinked(peer))),
      }));
    }
    return new Links({ clock, dialers, tasks: this.tasks, log: this.log, onChannel: (_peer, channel) => this.opening(channel) }, this.settings.links);
  }

  private opening(channel: StanzaChannel): void {
    // PROTOCOL §1: heads are "the first stanza of each side".
    this.heads.begin(channel);
    this.emit('channelOpened', channel);
  }

  /** A device that has called us is there, whatever its presence says. */
  private isLinked(peer: Jid): boolean {
    return this.links.find(peer)?.path !== undefined;
  }

  /** What is negotiated inside a stream on a socket of its own needs no server. */
  private isOnPathOfItsOwn(peer: Jid): boolean {
    const path = this.links.find(peer)?.path;
    return path === 'direct' || path === 'link-local';
  }

  private opened({ peer, identity, namespace, application, channel }: OpenedSession): void {
    // As on the local link: what it asks is answered on its stream, and nothing is ever sent to it.
    if (identity.verdict === 'pairing') return;
    const link = this.links.to(peer);
    const path = this.paths.of(application, channel);
    // The cast is sound: the manager opens what is registered under that namespace.
    if (namespace === NS.xmlStream) link.addChannel({ application, path } as Opened<SecuredChannel>);
    else link.addBytes({ application, path } as Opened<ByteSession>);
  }

  /** Bytes that do not come may be the first that tells of a dead path: the peer's, or our own to everywhere. */
  private doubt(peer: Jid): void {
    const link = this.links.find(peer);
    if (!link || link.path === 'in-process') return;
    link.doubt();
    this.connection?.doubt();
  }

  private tellGivenUp(session: OobSession, id: string): void {
    const channel = this.links.find(session.peer.jid)?.openChannels[0];
    if (channel) void abortStream(channel, id, { abortTimeout: this.settings.endToEnd.iq.timeout });
  }
}
