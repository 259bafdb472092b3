import { XpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { nextTurn } from '../kernel/tasks.ts';
import type { TaskGroup } from '../kernel/tasks.ts';
import type { PeerIdentity } from '../model/identity.ts';
import type { Jid } from '../model/jid.ts';
import { tryJid } from '../model/jid.ts';
import { serialise } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { IncomingIq, IqRegistry, StanzaChannel } from '../ports/stanza-channel.ts';
import { NS_PUBSUB, formatAnswer, parseRequest } from '../xmpp/pubsub-codec.ts';
import type { PubsubRequest } from '../xmpp/pubsub-codec.ts';
import { ping } from '../xmpp/ping.ts';
import { forMany } from '../xmpp/stanza.ts';
import { Gathering } from './gathering.ts';
import { Outbox, eventMessage } from './outbox.ts';
import type { OutboxOptions } from './outbox.ts';
import type { Notification, PubsubService } from './service.ts';

export interface PubsubWireDeps {
  readonly service: PubsubService<XmlElement>;
  readonly registry: IqRegistry;
  readonly tasks: TaskGroup;
  readonly log: Logger;
  /** All end-to-end channels of this device that are open now; of one peer's, the best first. */
  channels(): readonly StanzaChannel[];
}

export interface PubsubWireOptions extends OutboxOptions {
  /** Milliseconds in which a peer says that what was told to it has come. */
  readonly pingTimeout: number;
}

/**
 * A device's publish-subscribe service on its end-to-end streams: requests to the service, notifications to the peers that
 * are there. An event that can't be sent is lost: whoever comes back is told how things are then.
 */
export class PubsubWire {
  private readonly deps: PubsubWireDeps;
  private readonly options: PubsubWireOptions;
  private readonly gathering: Gathering<XmlElement>;
  private readonly outboxes = new WeakMap<StanzaChannel, Outbox>();
  /** Channels whose end is waited for. */
  private readonly watched = new WeakSet<StanzaChannel>();

  constructor(deps: PubsubWireDeps, options: PubsubWireOptions) {
    this.deps = deps;
    this.options = options;
    this.gathering = new Gathering(deps.service.notificationLimits);
    deps.registry.handle({ ns: NS_PUBSUB, name: 'pubsub' }, (iq) => this.answer(iq));
  }

  /** Who is at the other ends. */
  present(): readonly PeerIdentity[] {
    const present: PeerIdentity[] = [];
    for (const { peer } of this.deps.channels()) if (peer) present.push(peer);
    return present;
  }

  /**
   * Tells it to those it is for, each on its best channel, when this turn of the event loop has said all: what it says of a
   * node goes together. It is built and written once for all of them.
   */
  notify(notification: Notification<XmlElement> | undefined): void {
    if (!notification) return;
    if (this.gathering.isEmpty) process.nextTick(() => this.tell());
    this.gathering.add(notification);
  }

  /** Tells what is gathered now, and not at the end of the turn: nothing may come after it. */
  flush(): void {
    this.tell();
  }

  /** The peer of a channel is told from now on, as if it had asked for it; first, how things are. What it may not, it is not. */
  subscribe(nodes: readonly string[], channel: StanzaChannel): void {
    const { peer } = channel;
    if (!peer) return;
    for (const node of nodes) {
      try {
        this.deps.service.subscribe(node, peer);
        this.welcomeAfterAnswer(node, peer);
      } catch (error) {
        this.deps.log.info('a device could not be subscribed to what it has begun', { peer: peer.jid, node, error });
      }
    }
    this.watch(channel, peer);
  }

  /** A stream has opened: who is told without asking is told how things are, unless it has been on another stream. */
  opened(channel: StanzaChannel): void {
    const { peer } = channel;
    if (!peer) return;
    const others = this.deps.channels().filter((other) => other !== channel && other.peer?.jid === peer.jid);
    for (const other of others) this.overtake(other, peer);
    if (others.length === 0) for (const notification of this.deps.service.greeting(peer)) this.notify(notification);
  }

  /**
   * What is told over a new stream may come before what was told over another one, which then looks newer: when that has come, it is told
   * how things are.
   */
  private overtake(slower: StanzaChannel, peer: PeerIdentity): void {
    const told = this.outboxes.get(slower)?.takeUnderWay();
    if (!told || told.size === 0) return;
    this.deps.tasks.run(async (signal) => {
      try {
        await ping(slower, undefined, { signal, timeout: this.options.pingTimeout });
      } catch {
        // Where the stream has ended, its peer asks by itself. One that does not answer in time may still come to it.
        if (slower.closed.aborted || signal.aborted) return;
      }
      for (const [node, ids] of told) this.notify(this.deps.service.current(node, ids, peer));
    });
  }

  private tell(): void {
    const best = this.bestChannels();
    for (const notification of this.gathering.take()) {
      const event = forMany(eventMessage(notification));
      for (const jid of notification.to) {
        const channel = best.get(jid);
        if (channel) this.outboxOf(channel).tell(notification, event);
      }
    }
  }

  private bestChannels(): ReadonlyMap<Jid, StanzaChannel> {
    const best = new Map<Jid, StanzaChannel>();
    for (const channel of this.deps.channels()) if (channel.peer && !best.has(channel.peer.jid)) best.set(channel.peer.jid, channel);
    return best;
  }

  private outboxOf(channel: StanzaChannel): Outbox {
    let outbox = this.outboxes.get(channel);
    if (!outbox) this.outboxes.set(channel, outbox = new Outbox(channel, this.deps, this.options));
    return outbox;
  }

  private async answer({ channel, type, payload }: IncomingIq): Promise<XmlElement | undefined> {
    // SECURITY: what comes over the server has no peer, and gets nothing, before anything else is looked at.
    if (!channel.peer) throw new XpmnError('security-required', 'This needs an end-to-end stream.');
    return this.serve(parseRequest(type, payload), channel, channel.peer);
  }

  private async serve(request: PubsubRequest, channel: StanzaChannel, peer: PeerIdentity): Promise<XmlElement | undefined> {
    const { service } = this.deps;
    const { node } = request;
    const present = (): readonly PeerIdentity[] => this.present();
    switch (request.action) {
      case 'items': return formatAnswer({ answer: 'items', node, items: service.items(node, peer, request) });
      case 'publish': {
        const { id, notification } = await service.publish(node, peer, request, present);
        this.notify(notification);
        return formatAnswer({ answer: 'published', node, id });
      }
      case 'retract': return void this.notify(await service.retract(node, peer, request.id, present));
      case 'unsubscribe':
        assertOneself(request.jid, peer);
        return void service.unsubscribe(node, peer);
      case 'subscribe':
        assertOneself(request.jid, peer);
        service.subscribe(node, peer);
        this.welcomeAfterAnswer(node, peer);
        this.watch(channel, peer);
        return formatAnswer({ answer: 'subscribed', node, jid: peer.jid });
    }
  }

  /**
   * Answers are on their way within this turn of the event loop; what it is told comes after it has been told that it will be.
   * It is told how things are then: they may have changed, and it may have heard of that.
   */
  private welcomeAfterAnswer(node: string, peer: PeerIdentity): void {
    this.deps.tasks.run(async () => {
      await nextTurn();
      this.notify(this.deps.service.welcome(node, peer));
    });
  }

  /** A subscription lasts as long as its subscriber has any stream open. */
  private watch(channel: StanzaChannel, { jid }: PeerIdentity): void {
    if (this.watched.has(channel) && !channel.closed.aborted) return;
    this.watched.add(channel);
    const ended = (): void => {
      const another = this.deps.channels().find((other) => other !== channel && other.peer?.jid === jid);
      if (another?.peer) this.watch(another, another.peer);
      else this.deps.service.left(jid);
    };
    if (channel.closed.aborted) ended();
    else channel.closed.addEventListener('abort', ended, { once: true });
  }
}

/** "jid MUST equal stream peer": nobody subscribes anybody else. */
function assertOneself(jid: string, peer: PeerIdentity): void {
  if (tryJid(jid) !== peer.jid) throw new XpmnError('bad-request', 'You subscribe for yourself.', { details: { condition: 'invalid-jid' } });
}

/** What an item weighs, for the bounds of the service. */
export function elementBytes(element: XmlElement): number {
  return Buffer.byteLength(serialise(element));
}
