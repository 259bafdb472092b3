import { throwIfAborted } from '../../kernel/tasks.ts';
import { NS } from '../../model/namespaces.ts';
import { xml } from '../../model/xml.ts';
import type { ApplicationMethod } from '../../ports/application.ts';
import { RunningStream } from './end-to-end-stream.ts';
import type { EndToEndDeps, EndToEndOptions, EndToEndStream } from './end-to-end-stream.ts';

/**
 * Application `xmlstream`: stanzas between two devices, end to end.
 *
 * @spec XEP-0247 v0.2 §2
 */
export function createXmlStreamMethod(deps: EndToEndDeps, options: EndToEndOptions): ApplicationMethod<EndToEndStream> {
  return {
    namespace: NS.xmlStream,
    contentName: 'xmlstream',
    describe: () => xml('description', NS.xmlStream),
    async open(secured, _theirs, { signal }) {
      if (signal.aborted) secured.stream.destroy();
      throwIfAborted(signal);
      const stream = new RunningStream(secured, deps, options);
      await stream.start(signal);
      return stream;
    },
  };
}
