import type { Clock, Random } from '../../kernel/clock.ts';
import { XpmnError } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/log.ts';
import type { Jid } from '../../model/jid.ts';
import { elements, xml } from '../../model/xml.ts';
import type { XmlElement } from '../../model/xml.ts';
import type { OutgoingIq, StanzaChannel } from '../../ports/stanza-channel.ts';
import { deservesAnswer, isAllowed, securityRequired } from '../allow-list.ts';
import { IqTracker, serverAnswers } from '../iq-tracker.ts';
import type { IqTrackerOptions } from '../iq-tracker.ts';
import { NS_CLIENT, isStanza, message } from '../stanza.ts';
import { errorElement } from '../stanza-error.ts';
import type { ServerLink } from './link.ts';

/** Answers requests: an IqRouter with `serverGate`. */
export interface IqDispatcher {
  dispatch(stanza: XmlElement, channel: StanzaChannel, send: (answer: XmlElement) => Promise<void>): Promise<void>;
}

export interface ServerChannelDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly router: IqDispatcher;
  /** Presence, and the messages that may pass. */
  onStanza(stanza: XmlElement): void;
  /** One more answer is awaited. */
  asked?(): void;
}

/** The channel to the server, over one link after another. What may pass, either way, the allow-list says. */
export class ServerChannel implements StanzaChannel {
  readonly local: Jid;
  readonly peer = undefined;
  private readonly deps: ServerChannelDeps;
  private readonly tracker: IqTracker;
  private readonly gone = new AbortController();
  private link: ServerLink | undefined;

  constructor(deps: ServerChannelDeps, local: Jid, options: IqTrackerOptions) {
    this.deps = deps;
    this.local = local;
    const { clock, random } = deps;
    this.tracker = new IqTracker({ clock, random, send: (stanza) => this.pass(stanza), answers: serverAnswers(local), asked: () => deps.asked?.() }, options);
  }

  get closed(): AbortSignal {
    return this.gone.signal;
  }

  get isAwaiting(): boolean {
    return this.tracker.size > 0;
  }

  async send(stanza: XmlElement): Promise<void> {
    this.assertAllowed(stanza);
    await this.pass(stanza);
  }

  async request(iq: OutgoingIq, options: { readonly signal: AbortSignal; readonly timeout?: number }): Promise<XmlElement> {
    this.assertAllowed(xml('iq', NS_CLIENT, { type: iq.type }, iq.payload));
    return this.tracker.request(iq, options);
  }

  attach(link: ServerLink): void {
    this.link = link;
  }

  /** The link has gone; requests under way fail with `reason`. */
  detach(reason: XpmnError): void {
    this.link = undefined;
    this.tracker.failAll(reason);
  }

  /** There will be no further link. */
  close(reason: XpmnError): void {
    this.detach(reason);
    this.gone.abort(reason);
  }

  /** Takes what the server sent; what is no stanza is ignored. */
  received(stanza: XmlElement): void {
    if (!isStanza(stanza)) return;
    if (stanza.name === 'iq') this.receivedIq(stanza);
    else if (isAllowed(stanza, 'in', this.local)) this.deps.onStanza(stanza);
    else if (deservesAnswer(stanza)) this.refuse(stanza);
  }

  private receivedIq(stanza: XmlElement): void {
    const { type } = stanza.attrs;
    if (type !== 'result' && type !== 'error') void this.deps.router.dispatch(stanza, this, (answer) => this.pass(answer));
    else if (!this.tracker.answered(stanza)) this.deps.log.debug('An answer that nobody waits for was ignored.');
  }

  private refuse(said: XmlElement): void {
    const answer = message({ type: 'error', to: said.attrs['from'], id: said.attrs['id'] }, errorElement(securityRequired()));
    this.pass(answer).catch((error: unknown) => this.deps.log.debug('A message could not be refused.', { error }));
  }

  /** SECURITY: our own mistakes, too, must not put private things on the server's stream. */
  private assertAllowed(stanza: XmlElement): void {
    if (isAllowed(stanza, 'out', this.local)) return;
    this.deps.log.error('Something was to be sent over the server that may not be.', { stanza: stanza.name, ns: elements(stanza)[0]?.ns });
    throw securityRequired();
  }

  private pass(stanza: XmlElement): Promise<void> {
    return this.link?.send(stanza) ?? Promise.reject(new XpmnError('connection-lost', 'There is no connection to the server.'));
  }
}
