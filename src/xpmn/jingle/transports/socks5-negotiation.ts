/**
 * One negotiation of SOCKS5 bytestreams.
 *
 * @spec XEP-0260 v1.0.3 §2.2, §2.3, §2.4
 */
import type { Socket } from 'node:net';
import { XpmnError } from '../../kernel/errors.ts';
import { randomId } from '../../kernel/ids.ts';
import { ipBytes } from '../../kernel/ip-address.ts';
import { abortReason, abortable, deferred, throwIfAborted, withDeadline } from '../../kernel/tasks.ts';
import type { XmlElement } from '../../model/xml.ts';
import type { TransportContext, TransportNegotiation } from '../../ports/transport.ts';
import type { OfferableAddress } from './candidate-source.ts';
import { firstToSpeak } from './first-to-speak.ts';
import { isDialable } from './host-candidates.ts';
import { destinationOf, formatInfo, formatTransport, parseInfo, parseTransport, priorityOf } from './s5b-codec.ts';
import type { Candidate, S5bTransport } from './s5b-codec.ts';
import { nominate } from './s5b-nomination.ts';
import type { Socks5Deps, Socks5Options } from './socks5-options.ts';
import { requestBytestream } from './socks5-handshake.ts';
import { IncomingSockets } from './incoming-sockets.ts';
import { StaggeredRace } from './staggered-race.ts';
import { dialTcp } from './tcp.ts';

type OwnCandidate = Candidate & Pick<OfferableAddress, 'localHost'>;

interface Reached {
  readonly candidate: Candidate;
  readonly socket: Socket;
}

export class Socks5Negotiation implements TransportNegotiation {
  private readonly deps: Socks5Deps;
  private readonly options: Socks5Options;
  private readonly context: TransportContext;
  private readonly sid: string;
  private readonly life = new AbortController();
  private readonly race: StaggeredRace<Candidate, Socket>;
  private readonly seen = new Set<string>();
  private readonly incoming = new IncomingSockets();
  /** Our candidate that the peer reached; undefined if it reached none. */
  private readonly theirVerdict = deferred<OwnCandidate | undefined>();
  private verdictKnown = false;
  private dstaddr: string | undefined;
  private ours: readonly OwnCandidate[] = [];
  private reached: Reached | undefined;
  private stopExpecting = (): void => undefined;

  constructor(deps: Socks5Deps, options: Socks5Options, context: TransportContext, { sid, theirs }: { readonly sid: string; readonly theirs?: S5bTransport }) {
    this.deps = deps;
    this.options = options;
    this.context = context;
    this.sid = sid;
    this.race = new StaggeredRace({ clock: deps.clock, attempt: (candidate, signal) => this.dial(candidate, signal), discard: (socket) => socket.destroy() }, [], options);
    if (theirs) this.learn(theirs);
    if (context.signal.aborted) this.onAbort();
    else context.signal.addEventListener('abort', this.onAbort, { once: true });
  }

  async describe(): Promise<XmlElement> {
    throwIfAborted(this.life.signal);
    this.ours = await abortable(this.gather(), this.life.signal);
    const { local, peer } = this.context;
    const destination = destinationOf(this.sid, local, peer);
    if (this.ours.length > 0) {
      this.stopExpecting = this.deps.listener.expect({
        destination,
        alternative: destinationOf(this.sid, peer, local),
        hasRoom: () => this.incoming.size < this.options.incoming,
        onSocket: (socket) => this.incoming.add(socket),
      });
    }
    const candidates = this.ours.map(({ cid, host, port, jid, priority, type }) => ({ cid, host, port, jid, priority, type }));
    return formatTransport({ sid: this.sid, dstaddr: destination, candidates });
  }

  answered(transport: XmlElement): void {
    const theirs = parseTransport(transport);
    if (theirs.sid !== this.sid) throw new XpmnError('malformed', 'The answer is about another bytestream.');
    this.learn(theirs);
  }

  received(element: XmlElement): void {
    const info = parseInfo(element);
    if (info.sid !== this.sid) throw new XpmnError('not-found', 'There is no such bytestream.');
    if (info.kind === 'candidates') return this.admit(info.candidates);
    if (info.kind === 'activated' || info.kind === 'proxy-error') throw new XpmnError('not-found', 'No proxy is in use.');
    const used = info.kind === 'candidate-used' ? this.ours.find(({ cid }) => cid === info.cid) : undefined;
    if (info.kind === 'candidate-used' && !used) throw new XpmnError('not-found', 'There is no such candidate.');
    if (this.verdictKnown) throw new XpmnError('unexpected-request', 'The candidate was chosen already.');
    this.verdictKnown = true;
    // Whatever is worse than what the peer reached can't win any more.
    if (used) this.race.keep(({ priority }) => priority >= used.priority);
    this.theirVerdict.resolve(used);
  }

  async connect(): Promise<Socket> {
    try {
      this.reached = await this.reach();
      await this.tellVerdict();
      return this.handOver(await this.choose(await this.within(this.options.verdictTimeout, "The peer's choice of a candidate", () => this.theirVerdict.promise)));
    } catch (error) {
      this.destroy();
      throw error;
    }
  }

  destroy(): void {
    this.end(new XpmnError('aborted', 'The bytestream was given up.'));
  }

  private readonly onAbort = (): void => this.end(abortReason(this.context.signal));

  /** Everything that is still ours goes. */
  private end(reason: Error): void {
    this.context.signal.removeEventListener('abort', this.onAbort);
    this.life.abort(reason);
    this.stopExpecting();
    this.reached?.socket.destroy();
    this.incoming.destroy();
  }

  private async gather(): Promise<OwnCandidate[]> {
    const found: OwnCandidate[] = [];
    const { role, local } = this.context;
    for (const source of this.deps.sources) {
      for (const address of await source.addresses({ signal: this.life.signal })) {
        const { host, port, localHost } = address;
        // §2.2: an address that the peer offered already is not offered back.
        if (found.length >= this.options.candidates || this.seen.has(placeOf(host, port))) continue;
        // Even for the initiator, odd for the responder: no two candidates of a session have one priority.
        const preference = 65534 - 2 * found.length + (role === 'responder' ? 1 : 0);
        found.push({ cid: randomId(this.deps.random), host, port, localHost, jid: local, type: source.type, priority: priorityOf(source.type, preference) });
      }
    }
    return found;
  }

  private learn({ dstaddr, candidates }: S5bTransport): void {
    this.dstaddr = dstaddr;
    this.admit(candidates);
  }

  /** Takes the peer's best candidates, within the limit. SECURITY: they are addresses that an attacker may have chosen. */
  private admit(candidates: readonly Candidate[]): void {
    const own = new Set(this.deps.addresses().map((address) => ipBytes(address)?.toString('hex')));
    const fresh: Candidate[] = [];
    for (const candidate of [...candidates].sort(byPriority)) {
      const { host, port, type } = candidate;
      if (type === 'proxy' || !isDialable(host, this.options)) continue;
      if (port === this.deps.listener.port && own.has(ipBytes(host)?.toString('hex'))) continue;
      if (this.seen.size >= this.options.candidates || this.seen.has(placeOf(host, port))) continue;
      this.seen.add(placeOf(host, port));
      fresh.push(candidate);
    }
    this.race.revise((waiting) => [...waiting, ...fresh].sort(byPriority));
  }

  private async dial(candidate: Candidate, signal: AbortSignal): Promise<Socket> {
    const socket = await dialTcp(candidate, this.options, signal);
    try {
      const { local, peer } = this.context;
      await requestBytestream(socket, this.dstaddr ?? destinationOf(this.sid, peer, local), signal);
      return socket;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }

  /** The first candidate of the peer that works, or undefined if none did in time. */
  private async reach(): Promise<Reached | undefined> {
    try {
      const first = await this.within(this.options.connectTimeout, 'Connecting to the candidates', (signal) => this.race.run(signal));
      return first && { candidate: first.item, socket: first.result };
    } catch (error) {
      throwIfAborted(this.life.signal);
      if (error instanceof XpmnError && error.code === 'timeout') return undefined;
      throw error;
    }
  }

  private async tellVerdict(): Promise<void> {
    const { sid, reached } = this;
    const info = formatInfo(reached ? { kind: 'candidate-used', sid, cid: reached.candidate.cid } : { kind: 'candidate-error', sid });
    try {
      await abortable(this.context.sendInfo(info), this.life.signal);
    } catch (cause) {
      throwIfAborted(this.life.signal);
      throw new XpmnError('transport-failed', 'The peer could not be told which candidate works.', { cause });
    }
  }

  private async choose(used: OwnCandidate | undefined): Promise<Socket> {
    const outgoing = this.reached?.socket;
    const incoming = used && this.incoming.at(used.localHost);
    const nomination = nominate({ role: this.context.role, ours: this.reached?.candidate.priority, theirs: used?.priority });
    if (nomination === 'either' && outgoing && incoming) {
      const first = this.within(this.options.verdictTimeout, 'The first byte', (signal) => firstToSpeak([outgoing, incoming], signal));
      return await first.catch(() => incoming);
    }
    const socket = nomination === 'outgoing' ? outgoing : nomination === 'none' ? undefined : incoming;
    if (!socket) throw new XpmnError('transport-failed', 'Neither side can reach the other.');
    return socket;
  }

  private handOver(socket: Socket): Socket {
    throwIfAborted(this.life.signal);
    if (socket.destroyed) throw new XpmnError('transport-failed', 'The chosen connection was closed.');
    this.incoming.release(socket);
    if (this.reached?.socket === socket) this.reached = undefined;
    this.end(new XpmnError('aborted', 'The bytestream was handed over.'));
    return socket;
  }

  private within<T>(delay: number, what: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withDeadline({ clock: this.deps.clock, signal: this.life.signal, delay, what }, work);
  }
}

function byPriority(a: Candidate, b: Candidate): number {
  return b.priority - a.priority;
}

function placeOf(host: string, port: number): string {
  return `${ipBytes(host)?.toString('hex') ?? host} ${port}`;
}
