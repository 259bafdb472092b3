import { createJingleManager } from '../xpmn/jingle/manager.ts';
import { IbbRouter } from '../xpmn/jingle/transports/ibb-router.ts';
import { createIbbTransport } from '../xpmn/jingle/transports/ibb.ts';
import { XpmnError, asXpmnError } from '../xpmn/kernel/errors.ts';
import { randomId } from '../xpmn/kernel/ids.ts';
import { deferred, sleep, throwIfAborted, withDeadline } from '../xpmn/kernel/tasks.ts';
import { bareJid, withResource } from '../xpmn/model/jid.ts';
import type { Jid } from '../xpmn/model/jid.ts';
import { WAITING_NODE, parseWaiting } from '../xpmn/gateway/waiting.ts';
import type { StanzaChannel } from '../xpmn/ports/stanza-channel.ts';
import type { XmppConnection } from '../xpmn/ports/xmpp-connection.ts';
import { serverGate } from '../xpmn/xmpp/allow-list.ts';
import { createXmppConnection } from '../xpmn/xmpp/connection.ts';
import { queryInfo } from '../xpmn/xmpp/disco.ts';
import { IqRouter } from '../xpmn/xmpp/iq-router.ts';
import { PresenceTracker, availablePresence } from '../xpmn/xmpp/presence.ts';
import { atLogin } from './account-check.ts';
import type { OpenAccount } from './account-store.ts';
import { gatewaySettings, serverOptions } from './gateway-settings.ts';
import { newcomer } from './newcomer.ts';
import type { PairingCall } from './pairing-call.ts';
import type { FoundNetwork, SetupDeps } from './setup-api.ts';

/** While a machine that is part of no network yet is logged in. */
export interface Visit {
  readonly connection: Pick<XmppConnection, 'channel' | 'on'>;
  readonly router: IqRouter;
  readonly signal: AbortSignal;
}

/**
 * The devices of an account that wait for a new one; each is asked, and only those that wait answer. The server could make up
 * some, and hide others: who it is, the PIN shows.
 * @throws XpmnError why the account can't be used, with `details.step` = `login`; the signal's reason
 */
export function findOnAccount(deps: SetupDeps, account: OpenAccount, signal: AbortSignal): Promise<FoundNetwork[]> {
  const { clock, random, config: { pairing: { lookRound, lookFurther }, xmpp } } = deps;
  const visitor = withResource(account.jid, `join-${randomId(random)}`);
  return visit(deps, account, visitor, signal, async ({ connection, ...there }) => {
    const found: FoundNetwork[] = [];
    const present = new PresenceTracker(visitor, xmpp.presence);
    connection.on('stanza', (stanza) => present.received(stanza));
    const first = deferred();
    present.on('available', ({ jid }) => {
      // What is of another account, or does not answer, does not wait for us.
      if (bareJid(jid) === account.jid) void askWhether(connection.channel, jid, there.signal).then((one) => one && first.resolve(void found.push(one)), () => undefined);
    });
    await connection.channel.send(availablePresence(undefined));
    const deadline = { clock, signal: there.signal, delay: lookRound, what: 'Looking round on the account' };
    await withDeadline(deadline, () => first.promise).then(() => sleep(clock, lookFurther, there.signal), () => throwIfAborted(there.signal));
    return found;
  });
}

async function askWhether(channel: StanzaChannel, jid: Jid, signal: AbortSignal): Promise<FoundNetwork | undefined> {
  const waiting = parseWaiting(await queryInfo(channel, jid, { node: WAITING_NODE, signal }));
  return waiting && { jid, network: waiting.network, name: waiting.name || jid, isOpen: true };
}

/** As `callToPair`, through the server: it carries the bytes, and is the first to be suspected. */
export function callOverAccount<T>(deps: SetupDeps, account: OpenAccount, call: PairingCall, signal: AbortSignal, talk: (channel: StanzaChannel) => Promise<T>): Promise<T> {
  return visit(deps, account, call.credentials.jid, signal, (there) => callWhileThere(deps, there, call, talk));
}

/** Calls where it is logged in as the device that it will be. Nobody gets to call it. */
export async function callWhileThere<T>(deps: SetupDeps, { connection: { channel }, router, signal }: Visit, { credentials, host, proof }: PairingCall, talk: (channel: StanzaChannel) => Promise<T>): Promise<T> {
  const { clock, random, log, config } = deps;
  const { channelMethod, ...own } = newcomer(deps, credentials, proof);
  const blocks = { channel, router: new IbbRouter(router), clock, random };
  const jingle = createJingleManager({
    ...own, clock, random, log,
    local: credentials.jid,
    registry: router,
    transports: [createIbbTransport(blocks, 1, config.ibb), createIbbTransport(blocks, 0, config.ibb)],
    applications: [channelMethod],
    mayCall: () => new XpmnError('peer-unavailable', 'Nobody is here for you.'),
  }, config.jingle);
  try {
    const stream = await jingle.open({ peer: host, channel, application: channelMethod, signal });
    return await talk(stream.channel);
  } finally {
    await jingle.closeAll({ signal: AbortSignal.any([signal, AbortSignal.timeout(config.xmlStream.closeTimeout)]) });
  }
}

/** Logs in, and out again when `use` is done. What ends the login before it has worked is told: it is not tried twice. */
async function visit<T>(deps: SetupDeps, account: OpenAccount, jid: Jid, signal: AbortSignal, use: (visit: Visit) => Promise<T>): Promise<T> {
  const { clock, random, log, config } = deps;
  const router = new IqRouter({ log, gate: serverGate }, gatewaySettings(config).device.iq);
  const { password, server, ca } = account;
  const connection = createXmppConnection({ clock, random, log: log.child('login'), router }, { jid, credentials: { kind: 'password', password }, server, ca }, serverOptions(config));
  const over = new AbortController();
  connection.on('stateChanged', (state, reason) => {
    if (state === 'waiting' || state === 'stopped') over.abort(reason ?? new XpmnError('connection-lost', 'The server has ended the connection.'));
  });
  const within = AbortSignal.any([signal, over.signal]);
  try {
    await connection.start({ signal: within }).catch((error: unknown) => {
      throwIfAborted(signal);
      throw atLogin(asXpmnError(error));
    });
    return await use({ connection, router, signal: within });
  } finally {
    await connection.stop({ signal: AbortSignal.timeout(config.xmpp.server.closeTimeout) });
  }
}
