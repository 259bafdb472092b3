/**
 * What others say on one link: from records and time alone, no socket, no timer. Kept is only what belongs to an instance
 * of the service: its pointer, SRV and TXT, and the addresses of the host that its SRV names.
 * @spec RFC 6762 §5.2, §7.1, §10
 * @spec RFC 6763 §4
 */
import { isDeepStrictEqual } from 'node:util';
import type { Random } from '../../kernel/clock.ts';
import type { Link } from '../../model/link-addresses.ts';
import { decodeTxt, isInstanceLabel } from '../../model/service-entry.ts';
import type { SeenService } from '../../model/service-view.ts';
import type { DiscoveryLimits } from '../../ports/service-discovery.ts';
import { earliest } from './answer-queue.ts';
import { nameKey } from './dns-message.ts';
import type { DnsData, DnsName, DnsQuestion, DnsRecord } from './dns-message.ts';
import { Lease } from './lease.ts';
import { LinkHosts } from './link-hosts.ts';
import { QuestionPlan } from './question-plan.ts';

export interface BrowserOptions extends DiscoveryLimits {
  /** Milliseconds that anything is believed at most. */
  readonly maxLifetime: number;
}

/** An instance as it is on this link. */
export interface Seen extends SeenService {
  /** Name of the host that it is on. */
  readonly target: DnsName;
}

interface Instance {
  readonly label: string;
  readonly name: DnsName;
  readonly sender: string;
  pointer: Lease<undefined>;
  /** The latest one counts: an instance has one place. */
  srv: Lease<{ readonly target: DnsName; readonly port: number }> | undefined;
  /** Without a value where it was too large. */
  txt: Lease<Readonly<Record<string, string>> | undefined> | undefined;
  changedAt: number;
}

export class LinkBrowser {
  private readonly service: DnsName;
  private readonly options: BrowserOptions;
  private readonly random: Random;
  private readonly instances = new Map<string, Instance>();
  private readonly hosts: LinkHosts;
  private readonly plan: QuestionPlan;
  /** What `nextDue` gives; undefined when it has to be found anew: most packets change nothing. */
  private due: { readonly at: number | undefined } | undefined;

  constructor(link: Link, service: DnsName, options: BrowserOptions, random: Random, now: number) {
    this.service = service;
    this.options = options;
    this.random = random;
    this.hosts = new LinkHosts(link, options, random);
    this.plan = new QuestionPlan(random, now);
  }

  /** The link has other addresses: what can be reached now is asked for. */
  moveTo(link: Link, now: number): void {
    this.due = undefined;
    this.hosts.moveTo(link);
    this.plan.startAgain(now);
  }

  /** Takes what belongs here; tells whether `services` may have changed. */
  heard(records: readonly DnsRecord[], sender: string, now: number): boolean {
    // First what the others depend on.
    const count = this.instances.size;
    const isTouched = records.filter((record) => this.takePointer(record, sender, now)).length > 0;
    const spoken = new Map<Instance, unknown>();
    for (const { name, data } of records) {
      const instance = isDetail(data) ? this.instances.get(nameKey(name)) : undefined;
      if (instance) spoken.set(instance, [instance.srv?.value, instance.txt?.value]);
    }
    for (const record of records) this.takeDetail(record, now);
    const changed = [...spoken].filter(([{ srv, txt }, before]) => !isDeepStrictEqual([srv?.value, txt?.value], before));
    for (const [instance] of changed) instance.changedAt = now;
    const hasChanged = changed.length > 0;
    if (hasChanged) this.hosts.keep(this.targets());
    const addresses = this.hosts.heard(records, sender, now);
    if (isTouched || spoken.size > 0 || addresses.isTouched) this.due = undefined;
    if (hasChanged || addresses.hasChanged || this.instances.size !== count) this.askForMissing(now);
    return hasChanged || addresses.hasChanged;
  }

  /** What time alone has changed; tells whether `services` may have changed. */
  expire(now: number): boolean {
    if ((this.nextDue() ?? Infinity) > now) return false;
    let hasChanged = this.hosts.expire(now);
    for (const [key, { pointer, srv, txt }] of this.instances) {
      const over = [pointer, srv, txt].filter((lease) => lease && lease.until <= now);
      if (over.length === 0) continue;
      this.instances.delete(key);
      hasChanged = true;
      // It was asked and did not answer: it may be back, or the whole link is, at any time (RFC 6762 §10.4).
      if (over.some((lease) => lease?.isEnding === false)) this.plan.startAgain(now);
    }
    if (!hasChanged) return false;
    this.due = undefined;
    this.hosts.keep(this.targets());
    this.askForMissing(now);
    return true;
  }

  /**
   * What is to be asked now; the last question is the one for the service, with what is known of its answers. `own` are
   * our own instances: nobody needs to say them because of us, not even this machine.
   */
  questions(now: number, own: readonly DnsRecord[]): { readonly questions: readonly DnsQuestion[]; readonly known: readonly DnsRecord[] } {
    const nothing = { questions: [], known: [] };
    if ((this.nextDue() ?? Infinity) > now || !this.plan.mayAsk(now)) return nothing;
    const refreshed = this.leases().filter(({ lease }) => (lease.refreshAt ?? Infinity) <= now);
    if (refreshed.length === 0 && (this.plan.nextDue() ?? Infinity) > now) return nothing;
    this.due = undefined;
    this.plan.noteAsked(now);
    for (const { lease } of refreshed) lease.noteAsked(now);
    const wanted = [...refreshed.map(({ question }) => question), ...this.plan.missing(now)];
    const questions = new Map(wanted.map((question) => [questionKey(question), question]));
    const browse: DnsQuestion = { name: this.service, type: 'PTR' };
    const isBrowsing = this.plan.browse(now) || questions.has(questionKey(browse));
    questions.delete(questionKey(browse));
    return isBrowsing ? { questions: [...questions.values(), browse], known: [...own, ...this.known(now)] } : { questions: [...questions.values()], known: [] };
  }

  nextDue(): number | undefined {
    this.due ??= { at: this.findDue() };
    return this.due.at;
  }

  services(): Seen[] {
    const seen: Seen[] = [];
    for (const { label, srv, txt, changedAt } of this.instances.values()) {
      if (!srv || !txt?.value) continue;
      const { target, port } = srv.value;
      const addresses = this.hosts.addressesOf(target);
      if (addresses.length > 0) seen.push({ instance: label, addresses, port, txt: txt.value, target, at: changedAt });
    }
    return seen;
  }

  private findDue(): number | undefined {
    const leases = this.leases().map(({ lease }) => lease);
    const asking = earliest([this.plan.nextDue(), ...leases.map(({ refreshAt }) => refreshAt)]);
    return earliest([asking === undefined ? undefined : this.plan.freeFrom(asking), ...leases.map(({ until }) => until)]);
  }

  /** Tells whether the record is one of the service. */
  private takePointer({ name, ttl, data }: DnsRecord, sender: string, now: number): boolean {
    const target = 'target' in data && nameKey(name) === nameKey(this.service) ? data.target : [];
    const [label = '', ...rest] = target;
    if (nameKey(rest) !== nameKey(this.service) || !isInstanceLabel(label)) return false;
    const known = this.instances.get(nameKey(target));
    if (ttl === 0) known?.pointer.end(now);
    else if (known) known.pointer = this.lease(undefined, ttl, now);
    else if (this.hasRoom(sender)) {
      const pointer = this.lease(undefined, ttl, now);
      this.instances.set(nameKey(target), { label, name: target, sender, pointer, srv: undefined, txt: undefined, changedAt: now });
    }
    return true;
  }

  private hasRoom(sender: string): boolean {
    if (this.instances.size >= this.options.instances) return false;
    return [...this.instances.values()].filter((instance) => instance.sender === sender).length < this.options.instancesPerSender;
  }

  private takeDetail({ name, ttl, data }: DnsRecord, now: number): void {
    const instance = isDetail(data) ? this.instances.get(nameKey(name)) : undefined;
    if (!instance) return;
    if (data.type === 'TXT') {
      if (ttl === 0) instance.txt?.end(now);
      else instance.txt = this.lease(decodeTxt(data.strings, this.options.txtBytes), ttl, now);
    } else if (data.type === 'SRV') {
      const isSameHost = instance.srv !== undefined && nameKey(instance.srv.value.target) === nameKey(data.target);
      if (ttl > 0) instance.srv = data.port > 0 ? this.lease({ target: data.target, port: data.port }, ttl, now) : undefined;
      // Another one's goodbye is none of this one.
      else if (isSameHost) instance.srv?.end(now);
    }
  }

  private targets(): DnsName[] {
    return [...this.instances.values()].flatMap(({ srv }) => (srv ? [srv.value.target] : []));
  }

  private askForMissing(now: number): void {
    const details = [...this.instances.values()].flatMap(({ name, srv, txt }) => [
      ...(srv ? [] : [{ name, type: 'SRV' } as const]), ...(txt ? [] : [{ name, type: 'TXT' } as const]),
    ]);
    this.plan.want([...details, ...this.hosts.missing()], now);
  }

  /** What others need not answer with: what is known for long enough, and complete. @spec RFC 6762 §7.1 */
  private known(now: number): DnsRecord[] {
    const whole = [...this.instances.values()].filter(({ pointer, srv, txt }) => pointer.isFresh(now) && srv && txt);
    return whole.map(({ name, pointer }) => ({ name: this.service, ttl: pointer.left(now), flush: false, data: { type: 'PTR', target: name } }));
  }

  /** All that ends, with the question that asks for it. */
  private leases(): { readonly question: DnsQuestion; readonly lease: Lease<unknown> }[] {
    const ofInstance = ({ name, pointer, srv, txt }: Instance) => [
      { question: { name: this.service, type: 'PTR' } as const, lease: pointer },
      ...(srv ? [{ question: { name, type: 'SRV' } as const, lease: srv }] : []),
      ...(txt ? [{ question: { name, type: 'TXT' } as const, lease: txt }] : []),
    ];
    return [...[...this.instances.values()].flatMap(ofInstance), ...this.hosts.leases()];
  }

  private lease<T>(value: T, ttl: number, now: number): Lease<T> {
    return new Lease(value, now, Math.min(ttl * 1_000, this.options.maxLifetime), this.random.fraction());
  }
}

function isDetail(data: DnsData): boolean {
  return data.type === 'SRV' || data.type === 'TXT';
}

function questionKey({ name, type }: DnsQuestion): string {
  return `${type} ${nameKey(name)}`;
}
