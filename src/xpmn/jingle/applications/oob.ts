/**
 * Out-of-band streams as a Jingle application: many byte streams, both ways, over one secured stream.
 *
 * @spec XEP-0265 v0.1 §3
 */
import { NS } from '../../model/namespaces.ts';
import type { ApplicationMethod } from '../../ports/application.ts';
import { describeFlow, parseFlow, type FlowTerms } from './oob-description.ts';
import { openOobSession, type OobDeps, type OobOptions, type OobSession } from './oob-session.ts';

/**
 * `namespace`: the published one, or the alias that older peers offer (they are answered in it); a device that wants to
 * be reached under both registers two methods.
 */
export function createOutOfBand(
  deps: OobDeps, options: OobOptions, namespace: typeof NS.outOfBand | typeof NS.outOfBandAlias = NS.outOfBand,
): ApplicationMethod<OobSession> {
  const ours: FlowTerms = { window: options.window, maxChunk: options.maxChunk, maxStreams: options.maxStreams };
  return {
    namespace,
    contentName: 'oob',
    describe: () => describeFlow(namespace, ours),
    open: async (secured, theirs, { signal }) => {
      try {
        return await openOobSession(secured, parseFlow(theirs), deps, options, signal);
      } catch (error) {
        secured.stream.destroy();
        throw error;
      }
    },
  };
}
