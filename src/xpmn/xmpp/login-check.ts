import { XpmnError, asXpmnError } from '../kernel/errors.ts';
import { withDeadline } from '../kernel/tasks.ts';
import type { XmppAccount } from '../ports/xmpp-connection.ts';
import { createEstablish } from './connection/establish.ts';
import type { EstablishDeps, EstablishOptions } from './connection/establish.ts';
import type { ServerAddress, ServerLink } from './connection/link.ts';
import { otherHost } from './connection/stream-errors.ts';

export interface LoginCheckOptions extends EstablishOptions {
  /** ms for the whole of it, from DNS to bound. */
  readonly attemptTimeout: number;
  /** ms for the server to close its side. */
  readonly closeTimeout: number;
}

/**
 * Logs in once, exactly as the kept connection does, and out again. Nothing else is said, so that nobody hears of it.
 *
 * @spec RFC 6120 §4.9.3.19 for a server that sends on to another: followed once
 * @throws XpmnError as XmppConnection: `login-failed`, `server-unreachable`, `server-untrusted`, `server-insecure`,
 *   `timeout`, …; the signal's reason. Nothing is left open then.
 */
export async function checkLogin(deps: EstablishDeps, account: XmppAccount, options: LoginCheckOptions, { signal }: { readonly signal: AbortSignal }): Promise<void> {
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
  await withDeadline({ clock, signal, delay: options.closeTimeout, what: 'Closing the stream' }, (within) => link.close(within)).catch(() => undefined);
  link.destroy(new XpmnError('aborted', 'The login was only tried.'));
}
