import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import type { PeerIdentity, Verdict } from '../../src/xpmn/model/identity.ts';
import type { PeerLink } from '../../src/xpmn/ports/peer-link.ts';
import { provideDirectory } from '../../src/xpmn/profiles/directory.ts';
import type { DirectoryOptions } from '../../src/xpmn/profiles/directory.ts';
import { answerAborts } from '../../src/xpmn/profiles/abort-stream.ts';
import { provideTransfer } from '../../src/xpmn/profiles/transfer.ts';
import { FakeStreams } from '../fakes/fake-streams.ts';
import { MemoryLibrary } from '../fakes/memory-library.ts';
import { channelPair } from './channel-pair.ts';
import type { ChannelPair } from './channel-pair.ts';
import { FakeClock, FakeRandom } from './fake-clock.ts';
import { identity } from './secured-pair.ts';
import { settings } from './settings.ts';


export interface ProfileRig {
  readonly clock: FakeClock;
  readonly channels: ChannelPair;
  /** What the provider offers. */
  readonly library: MemoryLibrary;
  /** Out-of-band streams between the two. */
  readonly streams: FakeStreams;
  /** The controller's way to the provider. */
  readonly link: PeerLink;
  /** How the provider sees the controller. */
  readonly controller: PeerIdentity;
  readonly provider: PeerIdentity;
}

/** A controller (`a`) and a provider (`b`) of Directory and Transfer, with a channel between; `verdict` on the controller, undefined: through the server. */
export function profileRig({ verdict = 'own', directory = {} }: { readonly verdict?: Verdict | 'server'; readonly directory?: Partial<DirectoryOptions> } = {}): ProfileRig {
  const clock = new FakeClock();
  const controller = identity('me@home.test/controller', 'a', verdict === 'server' ? 'own' : verdict);
  const provider = identity('me@home.test/nas', 'b', 'own-hosted');
  const channels = channelPair({
    clock, random: new FakeRandom(3), a: controller.jid, b: provider.jid,
    ...(verdict === 'server' ? {} : { peers: { a: provider, b: controller } }),
  });
  const library = new MemoryLibrary();
  const streams = new FakeStreams();
  const { router } = channels.b;
  const deps = { device: provider.jid, library, registry: router, links: { to: () => linkOf('b') }, random: new FakeRandom(5), log: silentLogger };
  provideDirectory(deps, { ...settings.directory, ...directory });
  provideTransfer(deps, settings.transfer);
  answerAborts(deps);
  answerAborts({ registry: channels.a.router, links: { to: () => linkOf('a') } });

  function linkOf(end: 'a' | 'b'): PeerLink {
    return {
      peer: end === 'a' ? provider.jid : controller.jid,
      channel: () => Promise.resolve(channels[end].channel),
      byteStreams: () => streams.opening ?? Promise.resolve(streams[end]),
      get openByteStreams() {
        return streams.isOpen ? streams[end] : undefined;
      },
      abortedByPeer: (id) => (end === 'a' ? streams.abandon(id) : streams.abort(id)),
    };
  }
  return { clock, channels, library, streams, link: linkOf('a'), controller, provider };
}
