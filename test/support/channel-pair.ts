import { setMaxListeners } from 'node:events';
import type { Clock, Random } from '../../src/xpmn/kernel/clock.ts';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import type { PeerIdentity } from '../../src/xpmn/model/identity.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import { withAttrs } from '../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import type { StanzaChannel } from '../../src/xpmn/ports/stanza-channel.ts';
import { IqRouter } from '../../src/xpmn/xmpp/iq-router.ts';
import { IqTracker, anyAnswer, serverAnswers } from '../../src/xpmn/xmpp/iq-tracker.ts';

export type End = 'a' | 'b';

export interface ChannelEnd {
  readonly channel: StanzaChannel;
  /** Handlers for requests that arrive here. */
  readonly router: IqRouter;
  /** What is no IQ. */
  onStanza: (stanza: XmlElement) => void;
}

export interface ChannelPair {
  readonly a: ChannelEnd;
  readonly b: ChannelEnd;
  /** All that was sent, in order, before `tap` saw it. */
  readonly sent: { readonly from: End; readonly stanza: XmlElement }[];
  /** The untrusted server: may change or drop (undefined) what it carries. */
  tap: (from: End, stanza: XmlElement) => XmlElement | undefined;
  /** A stanza that neither end sent arrives at `to`. */
  inject(to: End, stanza: XmlElement): void;
  /** Nothing of `from` is carried until `release`. */
  hold(from: End): void;
  release(from: End): void;
  /** Requests of both ends that still wait for an answer. */
  readonly waiting: number;
  /** Both ends are gone. */
  close(): void;
}

export interface ChannelPairOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly a: Jid;
  readonly b: Jid;
  /** Who is at the other end of an end-to-end stream, as `a` and `b` see it; left out: a path through a server. */
  readonly peers?: { readonly a: PeerIdentity; readonly b: PeerIdentity };
}

/** Two stanza channels that lead to each other, in memory: asynchronous, in order, stamping `from` as a server does. */
export function channelPair({ clock, random, a, b, peers }: ChannelPairOptions): ChannelPair {
  const held: Record<End, XmlElement[] | undefined> = { a: undefined, b: undefined };
  const closed = new AbortController();
  setMaxListeners(0, closed.signal);
  const other = { a: 'b', b: 'a' } as const;
  const jids = { a, b };
  const trackers = { a: make('a'), b: make('b') };

  function make(end: End): IqTracker {
    return new IqTracker(
      { clock, random, send: (stanza) => carry(end, stanza), answers: peers ? anyAnswer : serverAnswers(jids[end]) },
      { timeout: 30_000, outstanding: 10_000 },
    );
  }

  function carry(from: End, stanza: XmlElement): Promise<void> {
    if (closed.signal.aborted) return Promise.reject(new XpmnError('connection-lost', 'The channel is closed.'));
    pair.sent.push({ from, stanza });
    const changed = pair.tap(from, stanza);
    if (changed) {
      const stamped = withAttrs(changed, { from: jids[from], to: jids[other[from]] });
      if (held[from]) held[from].push(stamped);
      else queueMicrotask(() => arrive(other[from], stamped));
    }
    return Promise.resolve();
  }

  function arrive(to: End, stanza: XmlElement): void {
    if (closed.signal.aborted) return;
    const end = pair[to];
    if (stanza.name !== 'iq') return end.onStanza(stanza);
    if (trackers[to].answered(stanza)) return;
    void end.router.dispatch(stanza, end.channel, (answer) => end.channel.send(answer));
  }

  function endOf(end: End): ChannelEnd {
    return {
      router: new IqRouter({ log: silentLogger }, { inProgress: 1000, inProgressInAll: 1000, idLength: 256 }),
      onStanza: () => undefined,
      channel: {
        local: jids[end],
        peer: peers?.[end],
        closed: closed.signal,
        send: (stanza) => carry(end, stanza),
        request: (iq, options) => trackers[end].request(iq, options),
      },
    };
  }

  const pair: ChannelPair = {
    a: endOf('a'),
    b: endOf('b'),
    sent: [],
    tap: (_from, stanza) => stanza,
    inject: (to, stanza) => arrive(to, stanza),
    hold: (from) => {
      held[from] ??= [];
    },
    release: (from) => {
      const waiting = held[from] ?? [];
      held[from] = undefined;
      for (const stanza of waiting) arrive(other[from], stanza);
    },
    get waiting() {
      return trackers.a.size + trackers.b.size;
    },
    close: () => {
      if (closed.signal.aborted) return;
      const lost = new XpmnError('connection-lost', 'The channel is closed.');
      closed.abort(lost);
      for (const tracker of Object.values(trackers)) tracker.failAll(lost);
    },
  };
  return pair;
}
