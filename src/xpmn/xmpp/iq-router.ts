import { XpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { bareJid, tryJid } from '../model/jid.ts';
import { elements, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { IncomingIq, IqHandler, IqRegistry, StanzaChannel } from '../ports/stanza-channel.ts';
import type { AnswerCache } from './answer-cache.ts';
import { RequestsInProgress } from './requests-in-progress.ts';
import { NS_CLIENT, iqError, iqResult } from './stanza.ts';
import { unhandledElement } from './stanza-error.ts';

/** Asked before any handler: why this request may not come over this channel, or undefined if it may. */
export type IqGate = (channel: StanzaChannel, stanza: XmlElement) => XpmnError | undefined;

export interface IqRouterOptions {
  /** Requests of one sender on one channel in progress at one time; one more is answered `resource-constraint`. */
  readonly inProgress: number;
  /** The same, of all senders on one channel. */
  readonly inProgressInAll: number;
  /** Characters of a request's id. */
  readonly idLength: number;
}

/**
 * Finds the handler of a request and answers it, exactly once. One per device, shared by all its channels.
 *
 * @spec RFC 6120 §8.2.3, §8.4
 */
export class IqRouter implements IqRegistry {
  private readonly log: Logger;
  private readonly gate: IqGate;
  private readonly options: IqRouterOptions;
  private readonly handlers = new Map<string, IqHandler>();
  private readonly busy = new WeakMap<StanzaChannel, RequestsInProgress>();

  constructor({ log, gate = () => undefined }: { readonly log: Logger; readonly gate?: IqGate | undefined }, options: IqRouterOptions) {
    this.log = log;
    this.gate = gate;
    this.options = options;
  }

  handle(spec: { readonly ns: string; readonly name?: string; readonly type?: 'get' | 'set' }, handler: IqHandler): void {
    const key = keyOf(spec.type, spec.ns, spec.name);
    if (this.handlers.has(key)) throw new XpmnError('internal', `There is a handler for ${key} already.`);
    this.handlers.set(key, handler);
  }

  /** Whether another request of that sender on `channel` would be handled, and not turned away as one too many. */
  hasRoom(channel: StanzaChannel, sender?: string): boolean {
    return this.busy.get(channel)?.hasRoom(senderOn(channel, sender)) ?? true;
  }

  /** Requests of `channel` whose answer has not been handed over yet. */
  inProgress(channel: StanzaChannel): number {
    return this.busy.get(channel)?.total ?? 0;
  }

  /**
   * Takes an `<iq/>` that is no answer. Resolves when `send` has taken the answer; never rejects. With `answers`, a set
   * that was answered before gets the same answer again and is not done twice.
   */
  async dispatch(stanza: XmlElement, channel: StanzaChannel, send: (answer: XmlElement) => Promise<void>, answers?: AnswerCache): Promise<void> {
    const { type } = stanza.attrs;
    // RFC 6120 §8.2.3: an answer MUST NOT be answered.
    if (type === 'result' || type === 'error') return;
    const sender = senderOn(channel, stanza.attrs['from']);
    const busy = this.loadOf(channel);
    const full = !busy.hasRoom(sender);
    busy.begin(sender);
    try {
      await send(full ? iqError(stanza, new XpmnError('resource-limit', 'Too many requests at a time.')) : await this.answerOnce(stanza, channel, answers));
    } catch (error) {
      this.log.debug('The answer to a request could not be sent.', { error });
    } finally {
      busy.end(sender);
    }
  }

  private loadOf(channel: StanzaChannel): RequestsInProgress {
    const load = this.busy.get(channel) ?? new RequestsInProgress(this.options);
    this.busy.set(channel, load);
    return load;
  }

  private answerOnce(stanza: XmlElement, channel: StanzaChannel, answers: AnswerCache | undefined): Promise<XmlElement> {
    const work = (): Promise<XmlElement> => this.answer(stanza, channel);
    const { id, type } = stanza.attrs;
    const key = channel.peer?.key;
    // Without a key there is no telling that two streams are of one peer: then each is its own.
    if (!answers || !key || type !== 'set' || id === undefined || id.length > this.options.idLength) return work();
    return answers.once(key, stanza, work);
  }

  private async answer(stanza: XmlElement, channel: StanzaChannel): Promise<XmlElement> {
    try {
      const iq = this.read(stanza, channel);
      const refused = this.gate(channel, stanza);
      if (refused) throw refused;
      const handler = this.find(iq);
      if (!handler) return xml('iq', NS_CLIENT, { ...iqResult(stanza).attrs, type: 'error' }, unhandledElement());
      return iqResult(stanza, await handler(iq));
    } catch (error) {
      if (!(error instanceof XpmnError)) this.log.error('A request failed for a reason that was not foreseen.', { error });
      return iqError(stanza, error instanceof XpmnError ? error : new XpmnError('internal', 'The request failed.'));
    }
  }

  private read(stanza: XmlElement, channel: StanzaChannel): IncomingIq {
    const { id, type, from: said } = stanza.attrs;
    const from = channel.peer?.jid ?? (said === undefined ? bareJid(channel.local) : tryJid(said));
    const payloads = elements(stanza);
    const [payload] = payloads;
    const malformed = id === undefined || id === '' || id.length > this.options.idLength || (type !== 'get' && type !== 'set');
    // RFC 6120 §8.2.3: "An IQ stanza of type "get" or "set" MUST contain exactly one child element".
    if (malformed || payloads.length !== 1 || !payload) throw new XpmnError('bad-request', 'A request needs a type, an id, and exactly one payload.');
    if (!from) throw new XpmnError('bad-request', 'The sender is not a valid JID.');
    return { type, id, from, payload, channel, signal: channel.closed };
  }

  private find({ type, payload: { ns, name } }: IncomingIq): IqHandler | undefined {
    const { handlers } = this;
    return handlers.get(keyOf(type, ns, name)) ?? handlers.get(keyOf(undefined, ns, name)) ??
      handlers.get(keyOf(type, ns, undefined)) ?? handlers.get(keyOf(undefined, ns, undefined));
  }
}

/** Who is counted: on an end-to-end stream there is only one, whatever its stanzas say. */
function senderOn(channel: StanzaChannel, from: string | undefined): string {
  return channel.peer ? '' : (from ?? '');
}

function keyOf(type: string | undefined, ns: string, name: string | undefined): string {
  return JSON.stringify([type ?? '*', ns, name ?? '*']);
}
