import { EventEmitter } from 'node:events';
import type { Clock, Random, Timer } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import { abortable, throwIfAborted } from '../kernel/tasks.ts';
import { dialableOnLink } from '../model/link-addresses.ts';
import type { Link } from '../model/link-addresses.ts';
import { encodeService, encodeTxt } from '../model/service-entry.ts';
import { ServiceView } from '../model/service-view.ts';
import type { Announced, FoundService, ServiceAnnouncement, ServiceDiscovery, ServiceDiscoveryEvents } from '../ports/service-discovery.ts';
import { earliest } from './mdns/answer-queue.ts';
import { ByteBudget } from '../kernel/byte-budget.ts';
import { createMdnsSocket } from './mdns/dgram-mdns-socket.ts';
import type { MdnsSocketOptions } from './mdns/dgram-mdns-socket.ts';
import type { DnsMessage, DnsName, DnsRecord } from './mdns/dns-message.ts';
import { packDirect, packQuery, packResponse } from './mdns/dns-packing.ts';
import { readMessage } from './mdns/dns-reader.ts';
import type { DnsLimits } from './mdns/dns-reader.ts';
import { LinkBrowser } from './mdns/link-browser.ts';
import type { BrowserOptions } from './mdns/link-browser.ts';
import { LinkResponder } from './mdns/link-responder.ts';
import type { MdnsPacket, MdnsSocket } from './mdns/mdns-socket.ts';
import { OwnNames } from './mdns/own-names.ts';
import type { OwnService } from './mdns/own-names.ts';
import { serviceName } from './mdns/own-records.ts';
import { RecentPackets } from './mdns/recent-packets.ts';

/** The section `mdns` of the configuration. */
export interface MdnsOptions extends MdnsSocketOptions, DnsLimits, BrowserOptions {
  /** What is read of each link in a second; a burst may be of twice as much. */
  readonly bytesPerSecond: number;
  /** The service, XEP-0174's by default. */
  readonly type?: string;
}

export interface MdnsDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** For tests; node:dgram by default. */
  readonly socket?: MdnsSocket;
}

/** Of serverless messaging, XEP-0174. */
const PRESENCE = '_presence._tcp';
/** Milliseconds between two looks at all that is seen, while it changes: others may not keep us busy. */
const LOOK_PAUSE = 100;
/** Milliseconds that packets have to come together before they are acted upon. */
const GATHER = 5;
/** Packets about our names that may still come back. Mere questions are others' questions, too. */
const RECENT = 64;

/**
 * Service discovery by multicast DNS of our own: a responder and a browser for each link, who know no clock and no socket,
 * and this rim around them.
 */
export function createMdnsDiscovery(deps: MdnsDeps, options: MdnsOptions): ServiceDiscovery {
  return new MdnsDiscovery(deps, options);
}

interface LinkState {
  link: Link;
  readonly responder: LinkResponder;
  readonly browser: LinkBrowser;
  readonly budget: ByteBudget;
}

class MdnsDiscovery extends EventEmitter<ServiceDiscoveryEvents> implements ServiceDiscovery {
  private readonly deps: MdnsDeps;
  private readonly options: MdnsOptions;
  private readonly socket: MdnsSocket;
  private readonly service: DnsName;
  private readonly own: OwnNames;
  private readonly view: ServiceView;
  private readonly sent = new RecentPackets(RECENT);
  private readonly links = new Map<string, LinkState>();
  private timer: Timer | undefined;
  private timerAt = 0;
  /** When what is seen was last looked at, and whether it may be other by now. */
  private lookedAt = -Infinity;
  private isNews = false;
  private hasStarted = false;
  private stopping: Promise<void> | undefined;

  constructor(deps: MdnsDeps, options: MdnsOptions) {
    super();
    this.deps = deps;
    this.options = options;
    this.socket = deps.socket ?? createMdnsSocket(deps, options);
    this.service = serviceName(options.type ?? PRESENCE);
    this.own = new OwnNames(this.service, deps.random);
    this.view = new ServiceView(options);
  }

  async start({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    throwIfAborted(signal);
    if (this.hasStarted || this.stopping) return;
    this.hasStarted = true;
    const started = this.socket.start({ packet: (packet) => this.received(packet), links: (links) => this.follow(links) });
    await abortable(started, signal);
  }

  announce(service: ServiceAnnouncement): Announced {
    const { txtBytes } = this.options;
    const own = this.own.add(service.instance, service.port, encodeService(service, txtBytes));
    for (const { responder } of this.links.values()) responder.hold(this.own.claimOf(own), this.now());
    this.act();
    let withdrawal: Promise<void> | undefined;
    return {
      update: (txt) => {
        own.strings = encodeTxt(txt, txtBytes);
        if (!withdrawal) this.change(own);
      },
      withdraw: () => (withdrawal ??= this.withdraw(own)),
    };
  }

  services(): readonly FoundService[] {
    return this.view.services();
  }

  stop(): Promise<void> {
    this.stopping ??= this.end();
    return this.stopping;
  }

  private async end(): Promise<void> {
    this.timer?.cancel();
    this.view.clear();
    await Promise.all(this.own.all().map((own) => this.withdraw(own)));
    await this.socket.close();
    this.links.clear();
  }

  private async withdraw(own: OwnService): Promise<void> {
    const { name } = this.own.claimOf(own);
    this.own.remove(own);
    await Promise.all([...this.links.values()].map((state) => this.say(state, state.responder.release(name))));
  }

  private change(own: OwnService): void {
    for (const { responder } of this.links.values()) responder.change(this.own.claimOf(own), this.now());
    this.act();
  }

  private follow(links: readonly Link[]): void {
    if (this.stopping) return;
    const now = this.now();
    for (const name of [...this.links.keys()]) if (!links.some((link) => link.name === name)) this.links.delete(name);
    for (const link of links) {
      const state = this.links.get(link.name);
      if (!state) this.links.set(link.name, this.join(link, now));
      else {
        state.link = link;
        state.browser.moveTo(link, now);
        state.responder.change(this.own.hostClaim(link), now);
      }
    }
    this.isNews = true;
    this.act();
  }

  private join(link: Link, now: number): LinkState {
    const { random } = this.deps;
    const responder = new LinkResponder(random, (address) => this.isOwnAddress(address));
    for (const claim of [this.own.hostClaim(link), ...this.own.all().map((own) => this.own.claimOf(own))]) responder.hold(claim, now);
    const budget = new ByteBudget(this.options.bytesPerSecond, now);
    return { link, budget, responder, browser: new LinkBrowser(link, this.service, this.options, random, now) };
  }

  private isOwnAddress(address: string): boolean {
    return [...this.links.values()].some(({ link }) => link.addresses.some((own) => own.address === address));
  }

  private received(packet: MdnsPacket): void {
    const state = this.links.get(packet.link);
    if (!state || this.stopping || this.sent.has(packet.data) || !state.budget.take(packet.data.length, this.now())) return;
    let message: DnsMessage;
    try {
      message = readMessage(packet.data, this.options);
    } catch (error) {
      this.deps.log.debug('A packet of multicast DNS is ignored.', { from: packet.address, error: String(error) });
      return;
    }
    if (!message.isResponse) this.asked(state, message, packet);
    // RFC 6762 §6: what comes from another port is no response.
    else if (packet.port === this.options.port) this.told(state, [...message.answers, ...message.additionals], packet.address);
    this.actAt(this.now() + GATHER);
  }

  private asked({ link, responder }: LinkState, message: DnsMessage, { address, port }: MdnsPacket): void {
    if (port === this.options.port) return responder.query(message, address, this.now());
    const { answers, additionals } = responder.directAnswers(message.questions);
    // SECURITY: whoever writes a false sender on its question must not make us write to somebody elsewhere.
    if (answers.length === 0 || dialableOnLink([address], link).length === 0) return;
    void this.socket.unicast(link.name, packDirect(message.id, message.questions, answers, additionals), address, port);
  }

  private told({ responder, browser }: LinkState, records: readonly DnsRecord[], sender: string): void {
    const now = this.now();
    for (const name of responder.response(records, now)) this.giveUp(name, now);
    this.isNews = browser.heard(records, sender, now) || this.isNews;
  }

  /** Somebody else has that name. */
  private giveUp(name: DnsName, now: number): void {
    const service = this.own.serviceNamed(name);
    const from = now + this.own.waitAfterConflict(now);
    if (service) this.own.rename(service);
    else this.own.renameHost();
    for (const state of this.links.values()) {
      void this.say(state, state.responder.release(name));
      state.responder.hold(service ? this.own.claimOf(service) : this.own.hostClaim(state.link), from);
      if (!service) for (const own of this.own.all()) state.responder.change(this.own.claimOf(own), now);
    }
    this.isNews = true;
  }

  /** Does what is due, and comes back when more is. */
  private act(): void {
    if (this.stopping) return;
    const now = this.now();
    for (const state of this.links.values()) {
      const { responder, browser } = state;
      this.isNews = browser.expire(now) || this.isNews;
      for (const packet of responder.due(now)) this.send(state, packet);
      const { questions, known } = browser.questions(now, responder.pointers());
      for (const packet of packQuery(questions, known)) void this.socket.multicast(state.link.name, packet);
    }
    if (this.isNews && now >= this.lookedAt + LOOK_PAUSE) this.look(now);
    this.timer?.cancel();
    this.timer = undefined;
    const look = this.isNews ? this.lookedAt + LOOK_PAUSE : undefined;
    this.actAt(earliest([look, ...[...this.links.values()].flatMap(({ responder, browser }) => [responder.nextDue(), browser.nextDue()])]));
  }

  private actAt(time: number | undefined): void {
    if (time === undefined || this.stopping || (this.timer && this.timerAt <= time)) return;
    this.timer?.cancel();
    this.timerAt = time;
    this.timer = this.deps.clock.after(Math.max(0, time - this.now()), () => {
      this.timer = undefined;
      this.act();
    });
  }

  /** Tells what is other than before. */
  private look(now: number): void {
    this.isNews = false;
    this.lookedAt = now;
    const links = [...this.links.values()].map(({ browser }) => browser.services().filter((seen) => !this.own.isOwn(seen)));
    const { found, lost } = this.view.update(links);
    for (const instance of lost) if (!this.stopping) this.emit('lost', instance);
    for (const service of found) if (!this.stopping) this.emit('found', service);
  }

  private send({ link }: LinkState, packet: Buffer): void {
    this.sent.add(packet);
    void this.socket.multicast(link.name, packet);
  }

  private async say({ link }: LinkState, records: readonly DnsRecord[]): Promise<void> {
    const packets = packResponse(records);
    for (const packet of packets) this.sent.add(packet);
    await Promise.all(packets.map((packet) => this.socket.multicast(link.name, packet)));
  }

  private now(): number {
    return this.deps.clock.monotonic();
  }
}
