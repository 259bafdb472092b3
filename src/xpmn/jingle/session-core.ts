import { setMaxListeners } from 'node:events';
import { XpmnError } from '../kernel/errors.ts';
import { randomId } from '../kernel/ids.ts';
import { nextTurn, throwIfAborted, withDeadline } from '../kernel/tasks.ts';
import type { XmlElement } from '../model/xml.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import { iqRequest } from '../xmpp/stanza.ts';
import { formatJingle } from './codec.ts';
import type { Action, Jingle, JingleContent } from './codec.ts';
import { afterOurs, afterTheirs } from './machine.ts';
import type { OurEvent, State } from './machine.ts';
import type { Reason } from './reasons.ts';
import type { SessionDeps, SessionOptions, SessionSpec } from './session-types.ts';

type Part = Partial<Omit<JingleContent, 'creator' | 'name'>>;

/** Nothing more is negotiated: the bytes go their own way. */
const WITHOUT_CHANNEL: ReadonlySet<State> = new Set(['opening', 'open', 'ended']);

/** What all parts of one session share: its state, its lifetime, and its voice. */
export class SessionCore {
  readonly deps: SessionDeps;
  readonly spec: SessionSpec;
  readonly options: SessionOptions;
  private readonly controller = new AbortController();
  private readonly onFailure: (error: unknown) => void;
  private readonly onChannelLost = (): void => this.channelLost();
  private channel: StanzaChannel;
  private current: State;

  /** `onFailure` ends the session. */
  constructor(deps: SessionDeps, spec: SessionSpec, options: SessionOptions, onFailure: (error: unknown) => void) {
    this.deps = deps;
    this.spec = spec;
    this.options = options;
    this.onFailure = onFailure;
    this.channel = spec.channel;
    this.current = spec.role === 'initiator' ? 'initiating' : 'preparing';
    this.follow(spec.channel);
  }

  get state(): State {
    return this.current;
  }

  /** Something is still to be negotiated. */
  get needsChannel(): boolean {
    return !WITHOUT_CHANNEL.has(this.current);
  }

  /** Aborts when the session has ended. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** An event of ours. @throws XpmnError `internal` for one that the table does not have; the signal's reason */
  step(event: OurEvent): void {
    throwIfAborted(this.signal);
    this.current = afterOurs(this.spec.role, this.current, event);
  }

  /** An action of the peer: `take` looks at it, and if it does not throw, it counts. */
  hear(action: Action, take: () => void): void {
    const next = afterTheirs(this.spec.role, this.current, action);
    take();
    this.current = next;
  }

  /** The session is over: nothing of it waits or is sent any more. */
  finish(error: XpmnError): void {
    this.current = 'ended';
    this.channel.closed.removeEventListener('abort', this.onChannelLost);
    this.controller.abort(error);
  }

  /** Sends an action and waits for its acknowledgement. @throws XpmnError as StanzaChannel.request */
  async request(action: Action, part: Part): Promise<void> {
    const { sid, application } = this.spec;
    const { local } = this.deps;
    const payload = formatJingle({
      action,
      sid,
      ...(action === 'session-initiate' && { initiator: local }),
      ...(action === 'session-accept' && { responder: local }),
      contents: [{ creator: 'initiator', name: application.contentName, ...part }],
      info: [],
    });
    await this.channel.request({ type: 'set', to: this.address(), payload }, { signal: this.signal, timeout: this.options.answerTimeout });
  }

  /** Tells the peer, best effort. Not a request: its acknowledgement is no precondition, so nobody keeps a timer for it. */
  terminate(condition: Reason): void {
    const jingle: Jingle = { action: 'session-terminate', sid: this.spec.sid, contents: [], reason: { condition }, info: [] };
    const iq = iqRequest({ type: 'set', id: randomId(this.deps.random), to: this.address(), payload: formatJingle(jingle) });
    this.channel.send(iq).catch((error: unknown) => this.deps.log.debug('The peer could not be told that the session ended.', { error }));
  }

  /** Runs `work` when the answer to the stanza in hand has been handed over: every action is acknowledged before business. */
  afterAnswer(work: () => Promise<void> | void): void {
    nextTurn()
      .then(() => (this.signal.aborted ? undefined : work()))
      .catch(this.onFailure);
  }

  /**
   * `work` within `delay` ms; what it brings after that, or after `signal` aborted, goes to `discard`.
   * @throws XpmnError `timeout`; the signal's reason; whatever `work` says
   */
  async within<T>(
    { delay, what, signal = this.signal }: { readonly delay: number; readonly what: string; readonly signal?: AbortSignal },
    work: (signal: AbortSignal) => Promise<T>,
    discard: (late: T) => void = () => undefined,
  ): Promise<T> {
    let started: Promise<T> | undefined;
    try {
      return await withDeadline({ clock: this.deps.clock, signal, delay, what }, (deadline) => (started = work(deadline)));
    } catch (error) {
      started?.then(discard, () => undefined);
      throw error;
    }
  }

  /** On an end-to-end stream there is only one to talk to. */
  private address(): SessionSpec['peer'] | undefined {
    return this.channel.peer ? undefined : this.spec.peer;
  }

  private follow(channel: StanzaChannel): void {
    // One listener per session, and sessions are counted elsewhere: many of them are no leak.
    setMaxListeners(0, channel.closed);
    channel.closed.addEventListener('abort', this.onChannelLost, { once: true });
  }

  /**
   * "Moving to another live stream when that dies." Once both have proven themselves, a session needs none until it ends.
   * What began end to end never moves to the server's stream.
   */
  private channelLost(): void {
    const next = this.deps.channelTo(this.spec.peer);
    if (next && !next.closed.aborted && (next.peer || !this.spec.channel.peer)) {
      this.channel = next;
      this.follow(next);
    } else if (this.needsChannel) {
      this.onFailure(new XpmnError('connection-lost', 'The connection to the peer is gone.'));
    }
  }
}

/** The `<transport/>` that an action is about. @throws XpmnError `malformed` */
export function transportOf(content: JingleContent | undefined): XmlElement {
  if (!content?.transport) throw new XpmnError('malformed', 'There is no transport.');
  return content.transport;
}
