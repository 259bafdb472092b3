import { EventEmitter } from 'node:events';
import type { Announced, FoundService, ServiceAnnouncement, ServiceDiscovery, ServiceDiscoveryEvents } from '../../src/xpmn/ports/service-discovery.ts';

/** A local link on loopback, in memory: whatever one says, all others find at once. */
export class LinkInMemory {
  private readonly members = new Set<Member>();
  private readonly said = new Map<string, { readonly service: FoundService; readonly by: Member | undefined }>();

  /** One more machine. */
  connect(): ServiceDiscovery {
    return new Member(this);
  }

  /** Somebody says something; without `by`, a stranger. */
  say(service: FoundService, by?: Member): void {
    this.said.set(service.instance, { service, by });
    for (const member of this.members) if (member !== by) member.emit('found', service);
  }

  takeBack(instance: string): void {
    if (!this.said.delete(instance)) return;
    for (const member of this.members) member.emit('lost', instance);
  }

  /** Nobody hears of anybody any more. */
  fallSilent(): void {
    for (const instance of [...this.said.keys()]) this.takeBack(instance);
  }

  get services(): readonly FoundService[] {
    return [...this.said.values()].map(({ service }) => service);
  }

  heardBy(member: Member): FoundService[] {
    return [...this.said.values()].flatMap(({ service, by }) => (by === member ? [] : [service]));
  }

  join(member: Member): void {
    this.members.add(member);
    for (const service of this.heardBy(member)) member.emit('found', service);
  }

  leave(member: Member): void {
    this.members.delete(member);
    for (const [instance, { by }] of this.said) if (by === member) this.takeBack(instance);
  }
}

class Member extends EventEmitter<ServiceDiscoveryEvents> implements ServiceDiscovery {
  private readonly link: LinkInMemory;

  constructor(link: LinkInMemory) {
    super();
    this.link = link;
  }

  start(): Promise<void> {
    this.link.join(this);
    return Promise.resolve();
  }

  announce({ instance, port, txt }: ServiceAnnouncement): Announced {
    const say = (words: ServiceAnnouncement['txt']): void => this.link.say({ instance, port, txt: words, addresses: ['127.0.0.1'] }, this);
    say(txt);
    return {
      update: say,
      withdraw: () => Promise.resolve(this.link.takeBack(instance)),
    };
  }

  services(): readonly FoundService[] {
    return this.link.heardBy(this);
  }

  stop(): Promise<void> {
    this.link.leave(this);
    return Promise.resolve();
  }
}
