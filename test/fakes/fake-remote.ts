import { createHash } from 'node:crypto';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { MediaSink } from '../../src/xpmn/ports/peer-link.ts';
import type { RangeRequest } from '../../src/xpmn/ports/media-source.ts';
import type { RemoteTransfer } from '../../src/xpmn/profiles/transfer-controller.ts';

/** An item on a device that is not there: transfers with credit, which can be broken and counted. */
export class FakeRemote {
  content: Buffer;
  type = 'video/mp4';
  /** Bytes a transfer may have under way before its sink consumes. */
  window = 65536;
  /** Each transfer breaks after that many bytes, with this error; undefined: never. */
  breakAfter: { bytes: number; error: XpmnError } | undefined;
  /** What the next `open` rejects with. */
  refusals: XpmnError[] = [];
  readonly opened: { range: RangeRequest | undefined; ifMatch: string | undefined }[] = [];
  aborted = 0;
  /** Most bytes that were ever given and not consumed. */
  mostUnconsumed = 0;

  constructor(content: Buffer) {
    this.content = content;
  }

  get etag(): string {
    return createHash('sha256').update(this.content).digest('base64url').slice(0, 16);
  }

  open(request: { range: RangeRequest | undefined; ifMatch: string | undefined }): Promise<RemoteTransfer> {
    this.opened.push(request);
    const refusal = this.refusals.shift();
    if (refusal) return Promise.reject(refusal);
    if (request.ifMatch !== undefined && request.ifMatch !== this.etag) return Promise.reject(new XpmnError('entity-changed', 'Changed.'));
    const size = this.content.length;
    const { range } = request;
    const from = range === undefined ? 0 : 'last' in range ? Math.max(0, size - range.last) : range.from;
    const to = Math.min(size - 1, (range && 'to' in range ? range.to : undefined) ?? size - 1);
    if (size > 0 && from > to) return Promise.reject(new XpmnError('range-not-satisfiable', 'Outside.', { details: { size } }));
    return Promise.resolve(this.transfer(from, to));
  }

  private transfer(from: number, to: number): RemoteTransfer {
    const { content, breakAfter } = this;
    let at = from;
    let unconsumed = 0;
    let over = false;
    let sink: MediaSink;
    const pump = (): void => {
      while (!over && unconsumed < this.window) {
        if (breakAfter && at - from >= breakAfter.bytes) {
          over = true;
          sink.fail(breakAfter.error);
        } else if (at > to) {
          over = true;
          sink.end();
        } else {
          const chunk = Buffer.from(content.subarray(at, Math.min(to + 1, at + 16384, breakAfter ? from + breakAfter.bytes : Infinity)));
          at += chunk.length;
          unconsumed += chunk.length;
          this.mostUnconsumed = Math.max(this.mostUnconsumed, unconsumed);
          sink.write(chunk);
        }
      }
    };
    const cancel = (): void => {
      if (!over) this.aborted += 1;
      over = true;
    };
    return {
      entity: { size: content.length, type: this.type, etag: this.etag },
      range: content.length === 0 ? undefined : { from, to },
      receive: (given) => {
        sink = given;
        setImmediate(pump);
        return {
          consumed: (count) => {
            unconsumed -= count;
            setImmediate(pump);
          },
          cancel,
        };
      },
      abort: cancel,
    };
  }
}
