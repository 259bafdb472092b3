import type { Duplex } from 'node:stream';
import { XpmnError, asXpmnError } from '../../kernel/errors.ts';
import { abortable, deferred } from '../../kernel/tasks.ts';
import type { Deferred } from '../../kernel/tasks.ts';
import { XmlParser } from '../../model/xml-parser.ts';
import type { XmlLimits } from '../../model/xml-parser.ts';
import { escapeAttr, serialise } from '../../model/xml.ts';
import type { XmlElement } from '../../model/xml.ts';
import type { LoginToken } from '../../ports/xmpp-connection.ts';
import { NS_CLIENT, NS_STREAM } from '../stanza.ts';
import { StreamWriter } from '../stream-writer.ts';
import type { LinkHandlers } from './link.ts';
import { fromStreamError, isStreamError, streamErrorText } from './stream-errors.ts';

export interface ServerStreamOptions {
  /** Of what the server sends, and (bytes) of what we send in one stanza. */
  readonly limits: XmlLimits;
  /** Bytes that may wait to be sent; one stanza more fails with `resource-limit`. */
  readonly queueBytes: number;
}

const FOOTER = '</stream:stream>';

/**
 * An answer and what follows from it should reach the server in one segment. What comes in two goes out in two, and a
 * server that keeps Nagle's algorithm, as Prosody does, holds the second back for a round trip to the other device.
 */
const GATHER_TURNS = 8;

/**
 * XML in both directions over a byte stream that it owns. First element by element (`next`), for the negotiation; what
 * comes while nobody asks stops the reading, so that no more than one chunk waits. Then `run` delivers as it comes.
 * What follows from one another is written together.
 *
 * @spec RFC 6120 §4.2, §4.4
 */
export class ServerStream {
  /** As ServerLink has it: learnt while logging in. */
  token: LoginToken | undefined;
  private readonly duplex: Duplex;
  private readonly options: ServerStreamOptions;
  private parser!: XmlParser;
  private readonly queue: XmlElement[] = [];
  private waiting: Deferred<XmlElement> | undefined;
  private handlers: LinkHandlers | undefined;
  private failure: XpmnError | undefined;
  private readonly ended = deferred<XpmnError>();
  private readonly writer: StreamWriter;
  private closing = false;

  constructor(duplex: Duplex, options: ServerStreamOptions) {
    this.duplex = duplex;
    this.options = options;
    this.writer = new StreamWriter(duplex, { queueBytes: options.queueBytes, gatherTurns: GATHER_TURNS });
    duplex.on('data', this.onData);
    duplex.on('error', this.onError);
    duplex.on('end', this.onEnd);
    duplex.on('close', this.onEnd);
    this.fresh();
  }

  /** Begins the stream, or begins it anew; `from` tells who we are, which is for proven ears only. What the server said before and nobody read is an attack or a mistake. */
  async open(to: string, signal: AbortSignal, from?: string): Promise<XmlElement> {
    this.expectNothing();
    this.fresh();
    const header = `<?xml version='1.0'?><stream:stream xmlns='${NS_CLIENT}' xmlns:stream='${NS_STREAM}' version='1.0' xml:lang='en' to='${escapeAttr(to)}'${from === undefined ? '' : ` from='${escapeAttr(from)}'`}>`;
    await this.writeText(header);
    const root = await this.next(signal);
    if (root.name !== 'stream' || root.ns !== NS_STREAM) throw this.fail(new XpmnError('protocol-violation', 'The server does not speak XMPP.'));
    return root;
  }

  /** The next element, or the stream's root. @throws XpmnError why the stream ended; the signal's reason */
  async next(signal: AbortSignal): Promise<XmlElement> {
    const ready = this.queue.shift();
    if (this.queue.length === 0) this.duplex.resume();
    if (ready) return ready;
    if (this.failure) throw this.failure;
    const waiting = deferred<XmlElement>();
    this.waiting = waiting;
    return abortable(waiting.promise, signal);
  }

  /** Gives the byte stream back, for TLS. @throws XpmnError `server-insecure` if more was said already */
  detach(): Duplex {
    this.expectNothing();
    if (this.failure) throw this.failure;
    for (const [event, listener] of [['data', this.onData], ['error', this.onError], ['end', this.onEnd], ['close', this.onEnd]] as const) {
      this.duplex.off(event, listener);
    }
    this.duplex.pause();
    this.failure = new XpmnError('internal', 'The stream has been detached.');
    return this.duplex;
  }

  run(handlers: LinkHandlers): void {
    this.handlers = handlers;
    for (const element of this.queue.splice(0)) handlers.received(element);
    if (this.failure) handlers.lost(this.failure);
    else this.duplex.resume();
  }

  /** @throws XpmnError `too-large`, `resource-limit`, or why the stream ended */
  send(element: XmlElement): Promise<void> {
    return this.writeText(serialise(element, NS_CLIENT));
  }

  async close(signal: AbortSignal): Promise<void> {
    try {
      const written = this.writeText(FOOTER);
      this.closing = true;
      await abortable(written, signal);
      await abortable(this.ended.promise, signal);
    } catch {
      // Too late for manners.
    } finally {
      this.destroy(new XpmnError('aborted', 'The stream was closed.'));
    }
  }

  destroy(reason: XpmnError): void {
    this.fail(reason);
  }

  private writeText(text: string): Promise<void> {
    const bytes = Buffer.byteLength(text);
    if (this.failure) return Promise.reject(this.failure);
    if (bytes > this.options.limits.bytes) return Promise.reject(new XpmnError('too-large', `A stanza of ${bytes} bytes is more than servers take.`));
    return this.writer.write(text);
  }

  private fresh(): void {
    this.parser = new XmlParser('stream', this.options.limits, {
      onRoot: (root) => this.deliver(root),
      onElement: (element) => this.received(element),
      onEnd: () => this.fail(new XpmnError('connection-lost', 'The server closed the stream.')),
    });
  }

  private readonly onData = (chunk: Buffer): void => {
    try {
      this.parser.write(chunk);
    } catch (error) {
      this.fail(asXpmnError(error, 'malformed'));
    }
  };

  private readonly onError = (error: Error): void => {
    this.fail(new XpmnError('connection-lost', 'The connection to the server broke.', { cause: error }));
  };

  private readonly onEnd = (): void => {
    this.fail(new XpmnError('connection-lost', 'The server closed the connection.'));
  };

  private received(element: XmlElement): void {
    if (isStreamError(element)) this.fail(fromStreamError(element));
    else this.deliver(element);
  }

  private deliver(element: XmlElement): void {
    if (this.failure) return;
    const { waiting } = this;
    if (this.handlers) this.handlers.received(element);
    else if (waiting) {
      this.waiting = undefined;
      waiting.resolve(element);
    } else {
      this.queue.push(element);
      this.duplex.pause();
    }
  }

  /** SECURITY: nothing that was said before TLS, or before the server proved itself, may be taken as said after it. */
  private expectNothing(): void {
    if (this.queue.length > 0) throw this.fail(new XpmnError('server-insecure', 'The server spoke where it has to be silent.'));
  }

  private fail(reason: XpmnError): XpmnError {
    if (this.failure) return this.failure;
    this.failure = reason;
    this.writer.fail(reason);
    // Best effort: a server that does not read will not be waited for.
    if (!this.duplex.writableEnded && !this.duplex.destroyed) this.duplex.end(this.closing ? '' : `${streamErrorText(reason)}${FOOTER}`);
    this.duplex.destroy();
    this.ended.resolve(reason);
    this.waiting?.reject(reason);
    this.handlers?.lost(reason);
    return reason;
  }
}
