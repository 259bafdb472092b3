import { XpmnError, asXpmnError } from '../kernel/errors.ts';
import { withDeadline } from '../kernel/tasks.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import type { XmppAccount } from '../ports/xmpp-connection.ts';
import { createEstablish } from './connection/establish.ts';
import type { EstablishDeps, EstablishOptions } from './connection/establish.ts';
import type { ServerAddress, ServerLink } from './connection/link.ts';
import { ServerChannel } from './connection/server-channel.ts';
import type { IqDispatcher } from './connection/server-channel.ts';
import { otherHost } from './connection/stream-errors.ts';
import type { IqTrackerOptions } from './iq-tracker.ts';

export interface LoginCheckOptions extends EstablishOptions {
  /** ms for the whole of it, from DNS to bound. */
  readonly attemptTimeout: number;
  /** ms for the server to close its side. */
  readonly closeTimeout: number;
}

export interface BriefLoginOptions extends LoginCheckOptions {
  readonly iq: IqTrackerOptions;
}

type Waiting = { readonly signal: AbortSignal };

/**
 * Logs in once, exactly as the kept connection does, and out again. Nothing else is said, so that nobody hears of it.
 *
 * @spec RFC 6120 §4.9.3.19 for a server that sends on to another: followed once
 * @throws XpmnError as XmppConnection: `login-failed`, `server-unreachable`, `server-untrusted`, `server-insecure`,
 *   `timeout`, …; the signal's reason. Nothing is left open then.
 */
export function checkLogin(deps: EstablishDeps, account: XmppAccount, options: LoginCheckOptions, waiting: Waiting): Promise<void> {
  return loggedIn(deps, account, options, waiting, () => Promise.resolve());
}

/** The same, with a talk in between: no presence is sent, so it is between us and the server. @throws XpmnError as `checkLogin`, `talk` */
export function talkOnce<T>(
  deps: EstablishDeps & { readonly router: IqDispatcher }, account: XmppAccount, options: BriefLoginOptions, waiting: Waiting, talk: (channel: StanzaChannel) => Promise<T>,
): Promise<T> {
  return loggedIn(deps, account, options, waiting, async (link) => {
    const channel = new ServerChannel({ ...deps, onStanza: () => undefined }, account.jid, options.iq);
    channel.attach(link);
    link.run({ received: (stanza) => channel.received(stanza), lost: (reason) => channel.close(reason) });
    return talk(channel);
  });
}

async function loggedIn<T>(deps: EstablishDeps, account: XmppAccount, options: LoginCheckOptions, { signal }: Waiting, use: (link: ServerLink) => Promise<T>): Promise<T> {
  const { clock } = deps;
  const establish = createEstablish(deps, options);
  const logIn = async (server: ServerAddress | undefined, within: AbortSignal): Promise<ServerLink> => {
    const link = await establish(account, { server, signal: within });
    // Nobody waits any more for what came at the very end.
    if (within.aborted) link.destroy(new XpmnError('aborted', 'The login came too late.'));
    return link;
  };
  const link = await withDeadline({ clock, signal, delay: options.attemptTimeout, what: 'Logging in' }, async (within) => {
    try {
      return await logIn(undefined, within);
    } catch (error) {
      const server = otherHost(asXpmnError(error));
      if (!server) throw error;
      return logIn(server, within);
    }
  });
  try {
    return await use(link);
  } finally {
    await withDeadline({ clock, signal, delay: options.closeTimeout, what: 'Closing the stream' }, (within) => link.close(within)).catch(() => undefined);
    link.destroy(new XpmnError('aborted', 'The login was only for this.'));
  }
}
