import type { Duplex } from 'node:stream';
import { XpmnError, asXpmnError } from '../../src/xpmn/kernel/errors.ts';
import { abortable } from '../../src/xpmn/kernel/tasks.ts';
import { xml } from '../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import type { ApplicationMethod, OpenApplication } from '../../src/xpmn/ports/application.ts';
import type { SecuredStream } from '../../src/xpmn/ports/security.ts';

/** `work`; fail to open; or never become usable. */
export type FakeApplicationMode = 'work' | 'fail' | 'stall';

/** A bare byte stream as application: usable at once, ends when both ends have said so. */
export class FakeApplication implements ApplicationMethod<FakeOpen> {
  readonly namespace: string;
  readonly contentName = 'fake';
  mode: FakeApplicationMode = 'work';
  readonly opened: FakeOpen[] = [];

  constructor(namespace: string) {
    this.namespace = namespace;
  }

  describe(): XmlElement {
    return xml('description', this.namespace);
  }

  async open(secured: SecuredStream, _theirs: XmlElement, { signal }: { readonly signal: AbortSignal }): Promise<FakeOpen> {
    try {
      if (this.mode === 'fail') throw new XpmnError('xml-restricted', 'The application failed.');
      if (this.mode === 'stall') await abortable(broken(secured.stream), signal);
      const open = new FakeOpen(secured);
      this.opened.push(open);
      return await abortable(Promise.resolve(open), signal);
    } catch (error) {
      secured.stream.destroy();
      throw asXpmnError(error);
    }
  }
}

/** Rejects when the stream is gone. */
function broken(stream: Duplex): Promise<never> {
  return new Promise((_resolve, reject) => stream.once('close', () => reject(new XpmnError('truncated', 'The stream broke.'))));
}

export class FakeOpen implements OpenApplication {
  readonly stream: Duplex;
  readonly secured: SecuredStream;
  /** The newest bytes that came, as text. */
  received = '';
  private readonly controller = new AbortController();

  constructor(secured: SecuredStream) {
    this.secured = secured;
    this.stream = secured.stream;
    this.stream.on('error', (error) => this.destroy(error));
    this.stream.on('data', (bytes: Buffer) => (this.received = (this.received + bytes.toString()).slice(-1024)));
    this.stream.on('end', () => this.stream.end());
    this.stream.once('close', () => {
      const orderly = this.stream.readableEnded && this.stream.writableFinished;
      this.over(orderly ? new XpmnError('aborted', 'Closed in order.') : new XpmnError('truncated', 'The stream broke.'));
    });
  }

  get closed(): AbortSignal {
    return this.controller.signal;
  }

  async close({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    const gone = new Promise<void>((resolve) => {
      if (this.stream.closed) resolve();
      else this.stream.once('close', () => resolve());
    });
    this.stream.end();
    await abortable(gone, signal).finally(() => this.destroy(new XpmnError('aborted', 'Closed.')));
  }

  destroy(error: Error): void {
    this.over(error);
    this.stream.destroy();
  }

  private over(reason: Error): void {
    if (!this.controller.signal.aborted) this.controller.abort(reason);
  }
}
