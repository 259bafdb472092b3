import { abortReason, deferred } from '../kernel/tasks.ts';
import { XpmnError, asXpmnError } from '../kernel/errors.ts';
import type { XmlElement } from '../model/xml.ts';
import { XmlParser } from '../model/xml-parser.ts';
import type { XmlLimits } from '../model/xml-parser.ts';
import type { ByteStreams } from '../ports/peer-link.ts';

export interface ReceiveXmlOptions {
  readonly limits: XmlLimits;
  readonly signal: AbortSignal;
  /** We have cancelled the stream: the sender should be told. */
  readonly unwanted: () => void;
}

/**
 * Receives one XML document out of band, parsed as it arrives: only the tree is kept, and no more than `limits` of it.
 * `size` is not checked against the bytes: it leaves out an XML declaration. It is complete when the stream has ended.
 *
 * @throws XpmnError `truncated`, `malformed`, `too-large`, `xml-restricted`; why the stream failed; the signal's reason
 */
export async function receiveXml(streams: ByteStreams, id: string, { limits, signal, unwanted }: ReceiveXmlOptions): Promise<XmlElement> {
  const result = deferred<XmlElement>();
  let root: XmlElement | undefined;
  const parser = new XmlParser('document', limits, { onElement: (element) => (root = element) });
  const giveUp = (error: Error): void => {
    result.reject(error);
    stream.cancel();
    unwanted();
  };
  const stream = streams.receive(
    id,
    {
      write(chunk) {
        try {
          parser.write(chunk);
        } catch (error) {
          giveUp(asXpmnError(error, 'malformed'));
          return;
        }
        stream.consumed(chunk.length);
      },
      end: () => (root ? result.resolve(root) : result.reject(new XpmnError('truncated', 'The listing ended too early.'))),
      fail: (error) => result.reject(error),
    },
    {},
  );
  const onAbort = (): void => giveUp(abortReason(signal));
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await result.promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
