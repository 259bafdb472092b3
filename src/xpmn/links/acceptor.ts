import { once } from 'node:events';
import type { Clock } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import { keepNewest } from '../kernel/keep-newest.ts';
import type { Logger } from '../kernel/log.ts';
import { abortable, throwIfAborted, withDeadline } from '../kernel/tasks.ts';
import { bareJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import type { ListedPeer, PeerIdentity } from '../model/identity.ts';
import { NS } from '../model/namespaces.ts';
import { serialise } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { XmlLimits } from '../model/xml-parser.ts';
import type { AcceptPeer, Opening } from '../ports/security.ts';
import { deviceKeyOf } from '../trust/certificate.ts';
import type { ListStore } from '../trust/list-store.ts';
import { listsNaming } from '../trust/presented-lists.ts';
import { listsElement } from '../trust/signed-list.ts';
import type { VerifiedList } from '../trust/signed-list.ts';
import { mayConcernUs } from '../trust/snapshot.ts';
import { readBeginning } from './stream-beginning.ts';

export interface AcceptorOptions {
  /** Milliseconds between two readings of one account's lists for the sake of a stranger. */
  readonly lookUpInterval: number;
  /** Milliseconds that a peer is kept waiting for that; then it is judged by what is known. */
  readonly lookUpTimeout: number;
  /** Accounts remembered for that. */
  readonly lookUps: number;
  /** Milliseconds from the handshake to the end of a stranger, whatever it shows. */
  readonly strangerTimeout: number;
  /** Of the `<lists/>` that a peer shows. */
  readonly presented: XmlLimits;
}

export interface AcceptorDeps {
  readonly lists: ListStore;
  readonly clock: Clock;
  readonly log: Logger;
  /** Reads the lists that an account has published, and offers them to the store. Never rejects for what it finds there; ends by itself. */
  lookUp(account: Jid): Promise<void>;
}

export interface Acceptor {
  /** @throws XpmnError `not-trusted`; `security-failed` (we know it, it does not accept us); the signal's reason */
  readonly accept: AcceptPeer;
  /** Whether a peer that was accepted still would be, by what is known now; never one that was not. */
  stillHolds(identity: PeerIdentity): boolean;
}

/** Who is asked about. */
interface Question {
  readonly leaf: Buffer;
  readonly peer: Jid;
  readonly opening: Opening;
}

/**
 * Says who a proven peer is: by the newest lists; if these make it a stranger, by what its account has published, looked
 * up once, if that is our own or a friend's; then by the lists it shows. Lists speak for themselves: whoever hands them
 * over is trusted with nothing.
 *
 * Showing lists (PROTOCOL §1, "Accepting a peer"): where an XML stream is to be opened, `<lists/>` may be the first
 * element inside TLS, each way.
 *
 * - The initiator shows its own if the responder is a stranger to it even after the look-up, or if the responder took it
 *   for one the last time (`opening.introduce`). Then it waits for the responder's, and only then its XML stream begins.
 *   Otherwise nothing precedes the XML stream, and nothing is waited for.
 * - On the local link anybody may take the name of a device of ours and be called. So a stranger there is shown no list, only
 *   the empty `<lists/>`: that it is to show its own, if it knows us.
 * - The responder looks at the first bytes of every XML stream, whatever its verdict: it speaks only after the initiator,
 *   so that costs nothing. It shows its own lists to whoever has shown some and is accepted, and to nobody else.
 * - A device that was removed from my network is told so, where it would be shown lists, or has shown its own: by the one
 *   list that removed it, if that is still at hand, and nothing else. The stream ends with that.
 * - A stranger has `strangerTimeout` for all of that. What is too long, ill-formed or void is no help to it.
 *
 * Other applications are negotiated inside an XML stream, by peers that have been through this.
 */
export function createAcceptor(deps: AcceptorDeps, options: AcceptorOptions): Acceptor {
  const { lists, clock, log } = deps;
  const leaves = new WeakMap<PeerIdentity, Buffer>();
  const looked = new Map<Jid, { readonly at: number; readonly done: Promise<void> }>();

  /** One look-up per account and interval; who comes meanwhile waits for the same one. It does not end with the first who asked. */
  function lookUp(account: Jid): Promise<void> {
    const now = clock.monotonic();
    const last = looked.get(account);
    if (last && now - last.at < options.lookUpInterval) return last.done;
    const done = deps.lookUp(account).catch((error: unknown) => log.info('the lists of an account could not be read', { account, error }));
    looked.delete(account);
    looked.set(account, { at: now, done });
    keepNewest(looked, options.lookUps);
    return done;
  }

  function judge({ leaf, peer }: Question): ListedPeer | undefined {
    const judgement = lists.judge(leaf, peer);
    if (judgement.verdict === 'stranger') return undefined;
    leaves.set(judgement.identity, leaf);
    return judgement.identity;
  }

  async function judgeAfterLookUp(question: Question, signal: AbortSignal): Promise<ListedPeer | undefined> {
    // SECURITY: on the local link anybody may take any name, and be called by it. That must not make us ask any account in the world.
    if (!mayConcernUs(lists.snapshot, bareJid(question.opening.local), bareJid(question.peer))) return undefined;
    const done = lookUp(bareJid(question.peer));
    try {
      await withDeadline({ clock, signal, delay: options.lookUpTimeout, what: 'Reading the lists of an account' }, () => done);
    } catch {
      throwIfAborted(signal);
    }
    return judge(question);
  }

  function show({ stream }: Opening, shown: readonly VerifiedList[]): void {
    stream.write(serialise(listsElement(shown)));
  }

  /** SECURITY: for who has proven nothing yet; all devices of the network are in there. */
  function listsForStranger({ local, isVouchedFor }: Opening, peer: Jid): readonly VerifiedList[] {
    return isVouchedFor && mayConcernUs(lists.snapshot, bareJid(local), bareJid(peer)) ? listsNaming(lists.snapshot, local) : [];
  }

  async function take(shown: readonly XmlElement[]): Promise<void> {
    // What was learnt counts, even if it could not be stored.
    await lists.offerAll(shown).catch((error: unknown) => log.warn('lists that a peer has shown could not be stored', { error }));
  }

  async function call(question: Question, signal: AbortSignal): Promise<ListedPeer | undefined> {
    const { opening } = question;
    const found = judge(question) ?? (await judgeAfterLookUp(question, signal));
    if ((found && !opening.introduce) || !beginsWithXml(opening)) return found;
    if (wasRemoved(question)) return await bidFarewell(question, signal);
    show(opening, found ? listsNaming(lists.snapshot, opening.local) : listsForStranger(opening, question.peer));
    await take((await readBeginning(opening.stream, options.presented, signal)) ?? []);
    return judge(question);
  }

  async function answer(question: Question, signal: AbortSignal): Promise<ListedPeer | undefined> {
    const { opening } = question;
    const found = judge(question) ?? (await judgeAfterLookUp(question, signal));
    if (!beginsWithXml(opening)) return found;
    const shown = await readBeginning(opening.stream, options.presented, signal);
    if (shown) await take(shown);
    const verdict = judge(question);
    if (shown && verdict) show(opening, listsNaming(lists.snapshot, opening.local));
    if (shown && wasRemoved(question)) return await bidFarewell(question, signal);
    return verdict;
  }

  function wasRemoved({ leaf, peer }: Question): boolean {
    const judgement = lists.judge(leaf, peer);
    return judgement.verdict === 'stranger' && judgement.reason === 'removed-key';
  }

  /** Resolves when the peer has heard it, and has gone. */
  async function bidFarewell({ leaf, opening: { stream } }: Question, signal: AbortSignal): Promise<undefined> {
    const list = lists.farewellTo(deviceKeyOf(leaf));
    if (!list) return;
    stream.end(serialise(listsElement([list]))).resume();
    if (!stream.closed) await abortable(once(stream, 'close'), signal);
  }

  /** A stranger gets so much time, and no reason. */
  async function withinTime(question: Question, signal: AbortSignal): Promise<ListedPeer | undefined> {
    const work = question.opening.role === 'initiator' ? call : answer;
    try {
      return await withDeadline({ clock, signal, delay: options.strangerTimeout, what: 'Finding out who the peer is' }, (within) => work(question, within));
    } catch (error) {
      throwIfAborted(signal);
      log.info('a peer did not show who it is', { peer: question.peer, error });
      return undefined;
    }
  }

  async function accept(leaf: Buffer, peer: Jid, signal: AbortSignal, opening: Opening): Promise<ListedPeer> {
    const question = { leaf, peer, opening };
    // Who calls and is known may take its time to begin: it has an opinion of us to form.
    const isKnownCaller = opening.role === 'responder' && judge(question) !== undefined;
    const verdict = await (isKnownCaller ? answer(question, signal) : withinTime(question, signal));
    if (verdict) return verdict;
    const judgement = lists.judge(leaf, peer);
    if (judgement.verdict !== 'stranger') throw new XpmnError('security-failed', 'The device did not show that it accepts this one.');
    log.warn('a stranger was turned away', { peer, reason: judgement.reason });
    throw new XpmnError('not-trusted', 'The device is not one of this media network.');
  }

  return {
    accept,
    stillHolds(identity) {
      const leaf = leaves.get(identity);
      if (!leaf || identity.verdict === 'pairing') return false;
      const judgement = lists.judge(leaf, identity.jid);
      return judgement.verdict === identity.verdict && judgement.identity.network === identity.network && judgement.identity.roles.join(' ') === identity.roles.join(' ');
    },
  };
}

function beginsWithXml({ application }: Opening): boolean {
  return application === NS.xmlStream;
}
