import { EventEmitter } from 'node:events';
import { createOutOfBand } from '../jingle/applications/oob.ts';
import type { EndToEndStream } from '../jingle/applications/end-to-end-stream.ts';
import type { OobSession } from '../jingle/applications/oob-session.ts';
import { createXmlStreamMethod } from '../jingle/applications/xml-stream.ts';
import { createJingleManager } from '../jingle/manager.ts';
import type { Call, JingleManager, OpenedSession } from '../jingle/manager.ts';
import { createX509, fingerprintOf } from '../jingle/security/tls.ts';
import { NS_S5B } from '../jingle/transports/s5b-codec.ts';
import { createHostSource } from '../jingle/transports/candidate-source.ts';
import { IbbRouter } from '../jingle/transports/ibb-router.ts';
import { createIbbTransport } from '../jingle/transports/ibb.ts';
import { createSocks5Transport } from '../jingle/transports/socks5.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { TaskGroup } from '../kernel/tasks.ts';
import type { ByteSession, Opened, SecuredChannel } from '../links/dialer.ts';
import { HeadsExchange } from '../links/heads-exchange.ts';
import { createJingleDialer } from '../links/jingle-dialer.ts';
import { Links } from '../links/links.ts';
import type { LocalEndpoint } from '../links/local-exchange.ts';
import { PathMemory, pathOf } from '../links/path.ts';
import { TurnedAway } from '../links/turned-away.ts';
import { bareJid, splitJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import type { PeerIdentity } from '../model/identity.ts';
import { NS } from '../model/namespaces.ts';
import type { XmlElement } from '../model/xml.ts';
import type { ApplicationMethod } from '../ports/application.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import type { TransportMethod } from '../ports/transport.ts';
import type { XmppAccount, XmppConnection } from '../ports/xmpp-connection.ts';
import { abortStream, answerAborts } from '../profiles/abort-stream.ts';
import type { DeviceCredentials } from '../trust/device-credentials.ts';
import { mayConcernUs } from '../trust/snapshot.ts';
import { AnswerCache } from '../xmpp/answer-cache.ts';
import { serverGate } from '../xmpp/allow-list.ts';
import { IqRouter } from '../xmpp/iq-router.ts';
import type { DeviceSettings } from './device-settings.ts';
import type { DeviceShared } from './device-shared.ts';

export interface DeviceSpec {
  readonly credentials: DeviceCredentials;
  /** Who it is to the other devices of this process. */
  readonly identity: PeerIdentity;
  /** How it logs in; undefined for a device that is only reached inside the process. */
  readonly account: XmppAccount | undefined;
}

export interface DeviceEvents {
  /** An end-to-end stream has opened, by whichever side; several may be open to one peer. */
  channelOpened: [channel: StanzaChannel];
  /** A message of the peer of an end-to-end stream. */
  message: [message: XmlElement, channel: StanzaChannel];
}

/**
 * One XPMN device: a full JID, a key, a presence. It has its own connection to the server, its Jingle sessions, and its
 * links to other devices; services register with `router`.
 */
export class Device extends EventEmitter<DeviceEvents> {
  readonly jid: Jid;
  readonly router: IqRouter;
  readonly connection: XmppConnection | undefined;
  readonly links: Links;
  private readonly shared: DeviceShared;
  private readonly spec: DeviceSpec;
  private readonly settings: DeviceSettings;
  private readonly log: Logger;
  private readonly tasks: TaskGroup;
  private readonly paths = new PathMemory();
  private readonly turnedAway: TurnedAway;
  private readonly channelMethod;
  private readonly bytesMethod;
  private readonly jingle: JingleManager | undefined;
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
    this.router = new IqRouter({ log, gate: serverGate }, settings.iq);
    this.channelMethod = this.paths.watch(this.createChannelMethod());
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
    this.connection = spec.account && shared.connect(spec.account, this.router);
    this.jingle = this.connection && this.createJingle(this.connection);
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

  /** Begins to be there: inside the process at once, on the server as soon as it answers. */
  start(): void {
    this.shared.exchange.add(this.endpoint);
    this.shared.lists.on('changed', this.onListChanged);
    if (!this.connection) return;
    const { connection } = this;
    connection.on('stateChanged', (state, reason) => {
      if (state === 'online') this.log.info('online', { server: splitJid(this.jid).domain });
      if (state === 'stopped' && reason) this.log.error('the server refused the login for good: not trying again', { error: reason });
    });
    // A refusal for good was told by the state.
    this.tasks.run((signal) => connection.start({ signal }).catch(() => undefined));
  }

  /** Ends everything in order within `signal`, then at once. */
  async stop({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    this.shared.exchange.remove(this.jid);
    this.shared.lists.off('changed', this.onListChanged);
    await this.links.close({ signal });
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
  }

  /** Verdicts may have changed: sessions of whoever would not be accepted now end. */
  reconsiderPeers(): void {
    const { acceptor } = this.shared;
    this.jingle?.endSessions(({ identity }) => identity !== undefined && !acceptor.stillHolds(identity));
  }

  /** A list changes verdicts, and the news travels on. */
  private readonly onListChanged = (list: Parameters<HeadsExchange['passOn']>[0]): void => {
    this.reconsiderPeers();
    this.heads.passOn(list);
  };

  /** Streams through the server are asked less often whether they still live: every question goes through it. */
  private createChannelMethod(): ApplicationMethod<EndToEndStream> {
    const { clock, random } = this.shared;
    const { endToEnd, pingAfterInBand, iq } = this.settings;
    const onMessage = (message: XmlElement, channel: StanzaChannel): void => void this.emit('message', message, channel);
    const deps = { clock, random, log: this.log, router: this.router, answers: new AnswerCache(iq), onMessage };
    const method = createXmlStreamMethod(deps, endToEnd);
    const inBand = createXmlStreamMethod(deps, { ...endToEnd, pingAfter: pingAfterInBand });
    return { ...method, open: (secured, theirs, options) => (pathOf(secured) === 'in-band' ? inBand : method).open(secured, theirs, options) };
  }

  private createJingle(connection: XmppConnection): JingleManager {
    const { clock, random, acceptor } = this.shared;
    const { credentials } = this.spec;
    const security = createX509({ credentials: { certificate: credentials.certificate.pem, privateKey: credentials.privateKey }, clock }, this.settings.tls);
    return createJingleManager(
      {
        clock, random, log: this.log, local: this.jid, registry: this.router,
        transports: this.createTransports(connection),
        securities: [security],
        applications: [this.channelMethod, this.bytesMethod],
        fingerprint: fingerprintOf(credentials.certificate.der),
        accept: acceptor.accept,
        mayCall: (call) => this.mayCall(call),
        channelTo: (peer) => this.links.find(peer)?.openChannels[0],
        onOpened: (session) => this.opened(session),
      },
      this.settings.jingle,
    );
  }

  private createTransports(connection: XmppConnection): TransportMethod[] {
    const { clock, random, listener, addresses } = this.shared;
    const { ibb, socks5 } = this.settings;
    const blocks = { channel: connection.channel, router: new IbbRouter(this.router), clock, random };
    const source = createHostSource({ listener, addresses }, socks5);
    return [
      createSocks5Transport({ clock, random, listener, addresses, sources: [source] }, socks5),
      createIbbTransport(blocks, 1, ibb),
      createIbbTransport(blocks, 0, ibb),
    ];
  }

  private createLinks(): Links {
    const { exchange, features, isAvailable } = this.shared;
    const dialers = [exchange.dialerFor(this.endpoint)];
    if (this.jingle && this.connection) {
      const { jingle, connection } = this;
      dialers.push(createJingleDialer({
        jingle, features,
        server: connection.channel,
        channelMethod: this.channelMethod,
        bytesMethod: this.bytesMethod,
        paths: this.paths,
        turnedAway: this.turnedAway,
        isReachable: (peer) => this.isOnPathOfItsOwn(peer) || (connection.state === 'online' && (isAvailable(peer) || this.isLinked(peer))),
      }));
    }
    return new Links({ dialers, tasks: this.tasks, log: this.log, onChannel: (_peer, channel) => this.opening(channel) });
  }

  private opening(channel: StanzaChannel): void {
    // PROTOCOL §1: heads are "the first stanza of each side".
    this.heads.begin(channel);
    this.emit('channelOpened', channel);
  }

  /**
   * Who may call, and how. Only devices of the own account (and accounts of friends) get as far as a handshake; addresses
   * are told, and bytes negotiated, only inside an end-to-end stream.
   */
  private mayCall({ peer, application, transport, channel }: Call): XpmnError | undefined {
    if (!mayConcernUs(this.shared.lists.snapshot, bareJid(this.jid), bareJid(peer))) return new XpmnError('peer-unavailable', 'Nobody is here for you.');
    if (channel.peer) return undefined;
    const isPrivate = transport === NS_S5B || application !== NS.xmlStream;
    return isPrivate ? new XpmnError('security-required', 'That is negotiated inside an end-to-end stream.') : undefined;
  }

  /** A device that has called us is there, whatever its presence says. */
  private isLinked(peer: Jid): boolean {
    return this.links.find(peer)?.path !== undefined;
  }

  /** What is negotiated inside a direct stream needs no server. */
  private isOnPathOfItsOwn(peer: Jid): boolean {
    return this.links.find(peer)?.path === 'direct';
  }

  private opened({ peer, namespace, application }: OpenedSession): void {
    const link = this.links.to(peer);
    const path = this.paths.of(application);
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
