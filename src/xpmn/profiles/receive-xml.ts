import { deferred } from '../kernel/tasks.ts';
import { XpmnError, asXpmnError } from '../kernel/errors.ts';
import type { XmlElement } from '../model/xml.ts';
import { XmlParser } from '../model/xml-parser.ts';
import type { XmlLimits } from '../model/xml-parser.ts';
import type { ByteStreams } from '../ports/peer-link.ts';

/**
 * Receives one XML document out of band, parsed as it arrives: only the tree is kept, and no more than `limits` of it.
 * `size` is not checked against the bytes: it leaves out an XML declaration. The root's end is the document's end.
 */
export async function receiveXml(streams: ByteStreams, id: string, limits: XmlLimits, signal: AbortSignal): Promise<XmlElement> {
  const result = deferred<XmlElement>();
  const parser = new XmlParser('document', limits, { onElement: (element) => result.resolve(element) });
  const stream = streams.receive(
    id,
    {
      write(chunk) {
        try {
          parser.write(chunk);
          stream.consumed(chunk.length);
        } catch (error) {
          result.reject(asXpmnError(error, 'malformed'));
          stream.cancel();
        }
      },
      end: () => result.reject(new XpmnError('truncated', 'The listing ended too early.')),
      fail: (error) => result.reject(error),
    },
    {},
  );
  const onAbort = (): void => {
    stream.cancel();
    result.reject(asXpmnError(signal.reason, 'aborted'));
  };
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await result.promise;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
