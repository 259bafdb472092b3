import { createHash } from 'node:crypto';
import { keepNewest } from '../kernel/keep-newest.ts';
import { serialise } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';

export interface AnswerCacheOptions {
  /** Answers kept per peer, the newest. */
  readonly answers: number;
  /** Peers kept, the last heard. */
  readonly peers: number;
}

interface Entry {
  readonly digest: string;
  readonly answer: Promise<XmlElement>;
}

/**
 * IQ sets are done once, though they arrive twice: the second gets the first one's answer. Keyed by peer, so that it
 * spans all streams of a peer. An id that comes back with another payload is another request.
 */
export class AnswerCache {
  private readonly options: AnswerCacheOptions;
  private readonly peers = new Map<string, Map<string, Entry>>();
  private readonly streams = new Map<string, number>();

  constructor(options: AnswerCacheOptions) {
    this.options = options;
  }

  /** The answer to `request` of `peer`: the one given before, or under way, or else that of `work`. */
  once(peer: string, request: XmlElement, work: () => Promise<XmlElement>): Promise<XmlElement> {
    const answers = this.answersOf(peer);
    const id = request.attrs['id'] ?? '';
    const digest = createHash('sha256').update(request.children.map((node) => (typeof node === 'string' ? node : serialise(node))).join('')).digest('base64');
    const known = answers.get(id);
    if (known?.digest === digest) return known.answer;
    const answer = work();
    answers.delete(id);
    answers.set(id, { digest, answer });
    keepNewest(answers, this.options.answers);
    return answer;
  }

  /** Another stream to the peer has opened. */
  retain(peer: string): void {
    this.streams.set(peer, (this.streams.get(peer) ?? 0) + 1);
  }

  /** A stream to the peer has gone. With the last one its answers go: a peer that starts anew may use its ids again. */
  release(peer: string): void {
    const left = (this.streams.get(peer) ?? 1) - 1;
    if (left > 0) {
      this.streams.set(peer, left);
      return;
    }
    this.streams.delete(peer);
    this.peers.delete(peer);
  }

  private answersOf(peer: string): Map<string, Entry> {
    const answers = this.peers.get(peer) ?? new Map<string, Entry>();
    this.peers.delete(peer);
    this.peers.set(peer, answers);
    keepNewest(this.peers, this.options.peers);
    return answers;
  }
}
