import type { KeyObject } from 'node:crypto';
import { hostname } from 'node:os';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import { silentLogger } from '../xpmn/kernel/log.ts';
import { sleep, throwIfAborted, withDeadline } from '../xpmn/kernel/tasks.ts';
import { bareJid, isFullJid, parseJid, withResource } from '../xpmn/model/jid.ts';
import type { Jid } from '../xpmn/model/jid.ts';
import type { PairedParts } from '../xpmn/pairing/pairing-codec.ts';
import { askToJoin } from '../xpmn/pairing/pairing-joiner.ts';
import type { FoundService, ServiceDiscovery } from '../xpmn/ports/service-discovery.ts';
import type { StanzaChannel } from '../xpmn/ports/stanza-channel.ts';
import { certificateFromDer } from '../xpmn/trust/certificate.ts';
import { issueCredentials } from '../xpmn/trust/device-credentials.ts';
import { generateKey, keyNameOf } from '../xpmn/trust/keys.ts';
import { resourceName } from '../xpmn/trust/names.ts';
import { Network } from '../xpmn/trust/network.ts';
import { callOverAccount, findOnAccount } from './account-call.ts';
import { accountIn } from './account-check.ts';
import type { StoredAccount } from './account-store.ts';
import { trustOptions } from './gateway-settings.ts';
import { multicastDiscovery } from './local-link.ts';
import { callToPair } from './pairing-call.ts';
import type { PairingCall } from './pairing-call.ts';
import type { FindOptions, FoundNetwork, JoinOptions, SetupChange, SetupDeps } from './setup-api.ts';
import { readStanding } from './standing.ts';
import { refuseReplacement, takeOver } from './take-over.ts';

type Waiting = { readonly signal: AbortSignal };

/** The media networks that are announced on the link or wait on an account, but for the own one. */
export async function findNetworks(deps: SetupDeps, { account }: FindOptions, { signal }: Waiting): Promise<FoundNetwork[]> {
  const own = (await readStanding(deps))?.network;
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
export async function prepareJoin(deps: SetupDeps, { jid, pin, account: known, name = hostname(), replace = false }: JoinOptions, { signal }: Waiting): Promise<SetupChange> {
  await refuseReplacement(deps, replace);
  const host = parseJid(jid);
  if (!isFullJid(host)) throw new XpmnError('bad-request', 'A device is named by its full JID.');
  const typed = known && accountIn(known);
  if (typed && bareJid(host) !== typed.jid) throw new XpmnError('bad-request', 'That device is not one of the account.');
  const call = typed ? overAccount(typed) : onLink(await lookingRound(deps, signal, (discovery) => announcedBy(deps, discovery, host, signal)));
  const [key, options] = [await generateKey(), trustOptions(deps.config)];
  const parts = await pair(deps, call, { host, key, pin, name }, signal);
  const device = issueCredentials(deps, options, key, parts.jid, name);
  const joined = { name, device, userCertificate: certificateFromDer(parts.userCertificate), lists: parts.lists };
  const network = Network.judgeJoin(deps, options, joined);
  throwIfAborted(signal);
  const account = accountOf(parts, typed);
  return async () => {
    await takeOver(deps, joined, account, { replace });
    return { network, jid: parts.jid, isChecked: account !== undefined && account === typed };
  };
}

/** What was typed has just worked, from here; what the other machine tells works there. */
function accountOf({ jid, account }: PairedParts, typed: StoredAccount | undefined): StoredAccount | undefined {
  const { password, server, ca } = account ?? {};
  if (typed?.jid === bareJid(jid)) return typed;
  return password === undefined ? undefined : { jid: bareJid(jid), password, server, ca };
}

/** How the other machine is reached. */
type Call = <T>(deps: SetupDeps, call: PairingCall, signal: AbortSignal, talk: (channel: StanzaChannel) => Promise<T>) => Promise<T>;

function onLink(service: FoundService): Call {
  return (deps, ...rest) => callToPair(deps, service, ...rest);
}

function overAccount(account: StoredAccount): Call {
  return (deps, ...rest) => callOverAccount(deps, account, ...rest);
}

/** On a stream of its own, as a device that nobody lists yet, under a name that it gives itself in the account of the other. */
function pair(
  deps: SetupDeps, call: Call, { host, key, pin, name }: { readonly host: Jid; readonly key: KeyObject; readonly pin: string; readonly name: string }, signal: AbortSignal,
): Promise<PairedParts> {
  const { clock, config } = deps;
  const local = withResource(bareJid(host), resourceName(name, keyNameOf(key)));
  const credentials = issueCredentials(deps, trustOptions(config), key, local, name);
  const limits = { ...config.pairing, ...config.trust };
  return withDeadline({ clock, signal, delay: config.pairing.joinTime, what: 'Pairing' }, (within) =>
    call(deps, { credentials, host, pin }, within, (channel) => askToJoin(channel, { name, roles: ['host'] }, limits, { signal: within })));
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
  const discovery = multicastDiscovery({ ...deps, log: silentLogger }, deps.config);
  try {
    await discovery.start({ signal });
    return await look(discovery);
  } finally {
    await discovery.stop();
  }
}

/** One entry a device that announces a whole network; bridged devices say less of themselves. */
function networksIn(services: readonly FoundService[]): FoundNetwork[] {
  return services.flatMap(({ txt: { jid, net, nick, pair } }) => (jid === undefined || net === undefined || pair === undefined ? [] : [{ jid, network: net, name: nick ?? jid, isOpen: pair === 'open' }]));
}
