import type { ApplicationMethod, OpenApplication } from '../ports/application.ts';
import type { SecuredStream } from '../ports/security.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import type { Path } from './dialer.ts';

/** How a secured stream runs: inside the process, on a socket of its own, or in stanzas through the server. */
export function pathOf({ method, stream }: SecuredStream): Path {
  if (method === 'in-process') return 'in-process';
  // TLS over anything but a socket has no remote address.
  return (stream as { remoteAddress?: string }).remoteAddress === undefined ? 'in-band' : 'direct';
}

/** Remembers on which path each application was opened: sessions change transports before they open, never after. */
export class PathMemory {
  private readonly paths = new WeakMap<OpenApplication, Path>();
  private readonly local = new WeakSet<StanzaChannel>();

  /** `via` is the channel that it was negotiated in: what is on a socket then is where that channel is. */
  of(application: OpenApplication, via?: StanzaChannel): Path {
    const path = this.paths.get(application) ?? 'in-band';
    return path === 'direct' && via && this.local.has(via) ? 'link-local' : path;
  }

  /** `channel` runs on the local link. */
  onLink(channel: StanzaChannel): void {
    this.local.add(channel);
  }

  /** `method`, remembered. */
  watch<Opened extends OpenApplication>(method: ApplicationMethod<Opened>): ApplicationMethod<Opened> {
    return {
      namespace: method.namespace,
      contentName: method.contentName,
      describe: () => method.describe(),
      open: async (secured, theirs, options) => {
        const path = pathOf(secured);
        const application = await method.open(secured, theirs, options);
        this.paths.set(application, path);
        return application;
      },
    };
  }
}
