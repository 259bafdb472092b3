import { hostname } from 'node:os';
import type { TcpTarget } from '../xpmn/jingle/transports/tcp.ts';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import { silentLogger } from '../xpmn/kernel/log.ts';
import { sleep, throwIfAborted, withDeadline } from '../xpmn/kernel/tasks.ts';
import { bareJid, isFullJid, parseJid } from '../xpmn/model/jid.ts';
import type { Jid } from '../xpmn/model/jid.ts';
import type { FoundService, ServiceDiscovery } from '../xpmn/ports/service-discovery.ts';
import { findOnAccount } from './account-call.ts';
import { accountIn } from './account-check.ts';
import { join, onLink, overAccount } from './join-call.ts';
import { openDiscovery } from './local-link.ts';
import type { ButtonJoinOptions, FindOptions, FoundNetwork, JoinOptions, SetupChange, SetupDeps } from './setup-api.ts';
import { readStanding } from './standing.ts';
import { refuseReplacement } from './take-over.ts';

type Waiting = { readonly signal: AbortSignal };

/** The media networks that are announced on the link or wait on an account, but for the one that this machine is in. */
export async function findNetworks(deps: SetupDeps, { account }: FindOptions, { signal }: Waiting): Promise<FoundNetwork[]> {
  const now = await readStanding(deps);
  const own = now?.isMember ? now.network : undefined;
  if (account) return (await findOnAccount(deps, accountIn(account), signal)).filter(({ network }) => network !== own);
  return lookingRound(deps, signal, async (discovery) => {
    const found = (): FoundNetwork[] => networksIn(discovery.services()).filter(({ network }) => network !== own);
    const { lookRound, lookFurther } = deps.config.pairing;
    // One that waits for a device is what is looked for; a second one would say so at about the same time.
    await heard(deps, discovery, () => found().some(({ isOpen }) => isOpen), lookRound, signal).then(() => sleep(deps.clock, lookFurther, signal), () => throwIfAborted(signal));
    return found();
  });
}

/** Pairs by PIN, and prepares to become what the other side has made of this machine. */
export async function prepareJoin(deps: SetupDeps, { jid, pin, account, name = hostname(), replace = false }: JoinOptions, { signal }: Waiting): Promise<SetupChange> {
  await refuseReplacement(deps, replace);
  const host = parseJid(jid);
  if (!isFullJid(host)) throw new XpmnError('bad-request', 'A device is named by its full JID.');
  const typed = account && accountIn(account);
  if (typed && bareJid(host) !== typed.jid) throw new XpmnError('bad-request', 'That device is not one of the account.');
  const call = typed ? overAccount(typed) : onLink(targetsOf(await lookingRound(deps, signal, (discovery) => announcedBy(deps, discovery, host, signal))));
  return join(deps, { call, host, pin, name, typed, replace }, signal);
}

/** Pairs with the one other machine whose button was pressed. Nothing gives way to that but an unused network. */
export async function prepareButtonJoin(deps: SetupDeps, { jid, targets, name = hostname() }: ButtonJoinOptions, { signal }: Waiting): Promise<SetupChange> {
  await refuseReplacement(deps, false);
  return join(deps, { call: onLink(targets), host: jid, pin: undefined, name, replace: false }, signal);
}

function targetsOf({ addresses, port }: FoundService): TcpTarget[] {
  return addresses.map((host) => ({ host, port }));
}

/** The announcement of that device, as soon as it is seen. */
async function announcedBy(deps: SetupDeps, discovery: ServiceDiscovery, host: Jid, signal: AbortSignal): Promise<FoundService> {
  const find = (): FoundService | undefined => discovery.services().find(({ txt }) => txt['jid'] === host);
  await heard(deps, discovery, () => find() !== undefined, deps.config.pairing.lookRound, signal).catch(() => throwIfAborted(signal));
  const found = find();
  if (!found) throw new XpmnError('not-found', `${host} is not on this link any more.`);
  return found;
}

/** Resolves when what is found on the link is what is looked for. @throws XpmnError `timeout`; the signal's reason */
function heard({ clock }: SetupDeps, discovery: ServiceDiscovery, isThere: () => boolean, delay: number, signal: AbortSignal): Promise<void> {
  return withDeadline({ clock, signal, delay, what: 'Looking round on the link' }, (within) => new Promise((resolve) => {
    const stop = (): void => void discovery.off('found', look);
    const look = (): void => {
      if (!isThere()) return;
      stop();
      resolve();
    };
    within.addEventListener('abort', stop, { once: true });
    discovery.on('found', look);
    look();
  }));
}

async function lookingRound<T>(deps: SetupDeps, signal: AbortSignal, look: (discovery: ServiceDiscovery) => Promise<T>): Promise<T> {
  const { discovery, release } = await openDiscovery({ ...deps, log: silentLogger }, deps.config, { signal });
  try {
    await discovery.start({ signal });
    return await look(discovery);
  } finally {
    await discovery.stop();
    await release();
  }
}

/** One entry a device that announces a whole network; bridged devices say less of themselves. */
function networksIn(services: readonly FoundService[]): FoundNetwork[] {
  return services.flatMap(({ txt: { jid, net, nick, pair } }) => (jid === undefined || net === undefined || pair === undefined ? [] : [{ jid, network: net, name: nick ?? jid, isOpen: pair === 'open' }]));
}
