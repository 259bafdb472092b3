import { hostname } from 'node:os';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import { silentLogger } from '../xpmn/kernel/log.ts';
import { sleep, throwIfAborted, withDeadline } from '../xpmn/kernel/tasks.ts';
import { bareJid, isFullJid, parseJid, withResource } from '../xpmn/model/jid.ts';
import type { Jid } from '../xpmn/model/jid.ts';
import type { PairedParts } from '../xpmn/pairing/pairing-codec.ts';
import { askToJoin } from '../xpmn/pairing/pairing-joiner.ts';
import type { FoundService, ServiceDiscovery } from '../xpmn/ports/service-discovery.ts';
import { certificateFromDer } from '../xpmn/trust/certificate.ts';
import { issueCredentials } from '../xpmn/trust/device-credentials.ts';
import type { DeviceCredentials } from '../xpmn/trust/device-credentials.ts';
import { generateKey, keyNameOf } from '../xpmn/trust/keys.ts';
import { resourceName } from '../xpmn/trust/names.ts';
import { Network } from '../xpmn/trust/network.ts';
import { trustOptions } from './gateway-settings.ts';
import { multicastDiscovery } from './local-link.ts';
import { callToPair } from './pairing-call.ts';
import type { FoundNetwork, JoinOptions, SetupChange, SetupDeps } from './setup-api.ts';
import { readStanding } from './standing.ts';
import { refuseReplacement, takeOver } from './take-over.ts';

type Waiting = { readonly signal: AbortSignal };

/** The media networks that are announced on the link, but for the own one. */
export async function findNetworks(deps: SetupDeps, { signal }: Waiting): Promise<FoundNetwork[]> {
  const own = (await readStanding(deps))?.network;
  return lookingRound(deps, signal, async (discovery) => {
    const found = (): FoundNetwork[] => networksIn(discovery.services()).filter(({ network }) => network !== own);
    const { lookRound, lookFurther } = deps.config.pairing;
    // One that waits for a device is what is looked for; a second one would say so at about the same time.
    await heard(deps, discovery, () => found().some(({ isOpen }) => isOpen), lookRound, signal).then(() => sleep(deps.clock, lookFurther, signal), () => throwIfAborted(signal));
    return found();
  });
}

/** Pairs by PIN, and prepares to become what the other side has made of this machine. */
export async function prepareJoin(deps: SetupDeps, { jid, pin, name = hostname(), replace = false }: JoinOptions, { signal }: Waiting): Promise<SetupChange> {
  await refuseReplacement(deps, replace);
  const host = parseJid(jid);
  if (!isFullJid(host)) throw new XpmnError('bad-request', 'A device on the link is named by its full JID.');
  const service = await lookingRound(deps, signal, (discovery) => announcedBy(deps, discovery, host, signal));
  const [key, options] = [await generateKey(), trustOptions(deps.config)];
  const named = issueCredentials(deps, options, key, withResource(bareJid(host), resourceName(name, keyNameOf(key))), name);
  const parts = await pair(deps, { host, service, credentials: named, pin, name }, signal);
  // It is this very certificate that was put on the account.
  const device = parts.jid === named.jid ? named : issueCredentials(deps, options, key, parts.jid, name);
  const joined = { name, device, userCertificate: certificateFromDer(parts.userCertificate), lists: parts.lists };
  const network = Network.judgeJoin(deps, options, joined);
  throwIfAborted(signal);
  const { password, isLetIn, server, ca } = parts.account ?? {};
  const account = password === undefined && !(isLetIn && device === named) ? undefined : { jid: bareJid(parts.jid), password, server, ca };
  return async () => {
    await takeOver(deps, joined, account, { replace });
    return { network, jid: parts.jid, isChecked: false };
  };
}

/** On a stream of its own, as a device that nobody lists yet, under a name that it gives itself in the account of the other. */
function pair(
  deps: SetupDeps, { host, service, credentials, pin, name }: { readonly host: Jid; readonly service: FoundService; readonly credentials: DeviceCredentials; readonly pin: string; readonly name: string }, signal: AbortSignal,
): Promise<PairedParts> {
  const { clock, config } = deps;
  const limits = { ...config.pairing, ...config.trust };
  return withDeadline({ clock, signal, delay: config.pairing.joinTime, what: 'Pairing' }, (within) =>
    callToPair(deps, { credentials, host, service, pin }, within, (channel) => askToJoin(channel, { name, roles: ['host'], certificate: credentials.certificate.der }, limits, { signal: within })));
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
