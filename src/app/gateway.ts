import { hostname, userInfo } from 'node:os';
import { createMprisAdapter } from '../dbus/mpris-adapter.ts';
import { createHttpOrigin } from '../upnp/http-origin.ts';
import { createHttpRequester } from '../upnp/http-requester.ts';
import { createSsdpSocket } from '../upnp/dgram-ssdp-socket.ts';
import { createEventSubscriber } from '../upnp/gena-subscriber.ts';
import { createUpnpAdapter } from '../upnp/adapter.ts';
import { OriginPool } from '../upnp/origin-pool.ts';
import { MediaGateway } from '../xpmn/gateway/media-gateway.ts';
import { systemAddresses } from '../xpmn/jingle/transports/host-candidates.ts';
import { isPublicAddress, systemNetworks } from '../xpmn/media/reach.ts';
import { bareJid } from '../xpmn/model/jid.ts';
import { ButtonWindow } from '../xpmn/pairing/button-window.ts';
import { encodeCredentials } from '../xpmn/trust/credentials-file.ts';
import { joiningLists } from '../xpmn/trust/joining-lists.ts';
import type { Network } from '../xpmn/trust/network.ts';
import { PairingWindow } from '../xpmn/trust/pairing-window.ts';
import { createXmppConnection } from '../xpmn/xmpp/connection.ts';
import { AccountAccess } from '../xpmn/login/account-access.ts';
import { forgetPassword, keepCarried, loadAccount } from './account-store.ts';
import type { StoredAccount } from './account-store.ts';
import { sealBackup } from './backup.ts';
import type { Gateway, GatewayDeps, GatewayFactory } from './gateway-api.ts';
import { gatewaySettings, serverOptions, trustOptions } from './gateway-settings.ts';
import { describeDevice, describePage, describeStatus, describeUnlisted } from './gateway-view.ts';
import { openDiscovery } from './local-link.ts';
import { pairingControls } from './pairing-control.ts';
import type { PairingControls } from './pairing-control.ts';
import { playersControl } from './players-control.ts';
import { loadQuirks } from './quirks.ts';
import { loadOrCreateNetwork } from './setup.ts';
import { createPictureLoader } from './shared/picture-loader.ts';
import { createSharedMedia } from './shared/shared-media.ts';
import { srpIfAvailable } from './srp.ts';
import { canMakeRoom } from './take-over.ts';
import { userKeyControl } from './user-key-desk.ts';

/** The composition root of a running gateway: everything is made here, by hand, from top to bottom. */
export const createGateway: GatewayFactory = async (deps, { signal, onStale = () => undefined }) => {
  const { storage, config, log, clock, random } = deps;
  const network = await loadOrCreateNetwork(deps);
  const account = await loadAccount(storage);
  const pairing = new PairingWindow({ clock, random, storage }, config.pairing);
  const srp = await srpIfAvailable(deps, pairing, signal);
  const pool = new OriginPool(clock, config.upnp.originPool);
  const requester = createHttpRequester({ clock }, config.upnp.requester);
  const upnp = createUpnpAdapter({
    ssdp: createSsdpSocket({ clock, log: log.child('ssdp') }, config.upnp.ssdp),
    requester,
    clock, random,
    log: log.child('upnp'),
    openOrigin: (origin) => createHttpOrigin({ pool, clock }, config.upnp.origin, origin),
    events: createEventSubscriber({ requester, clock, random, log: log.child('gena') }, config.upnp.gena),
    quirks: await loadQuirks({ folders: [...(deps.quirksFolder === undefined ? [] : [deps.quirksFolder]), ...config.upnp.quirkFolders], log: log.child('quirks') }),
    // Nothing is shown to the LAN yet.
    isOwnDevice: () => false,
  }, config.upnp);
  const mpris = createMprisAdapter({
    clock, random,
    pictures: createPictureLoader({ clock, mayConnect: (address) => isPublicAddress(address, systemNetworks()) }, { bytes: config.player.pictures.bytes, url: config.feed.shared.url }),
    log: log.child('mpris'),
    env: process.env,
    uid: userInfo().uid,
    machine: network.gateway.key.slice(0, 16),
    // Nothing is shown on a bus yet.
    isOwnPlayer: () => false,
  }, config);
  const button = new ButtonWindow({ clock, random }, config.pairing);
  const link = await openDiscovery(deps, config, { signal });
  const release = async (): Promise<void> => {
    pool.close();
    await link.release();
  };
  const gateway = new MediaGateway({
    clock, random, log, network, pairing, srp, button, storage,
    discovery: link.discovery,
    host: hostname(),
    onMoved: onStale,
    onAccountFound: (found) => void keepCarried(storage, network.bare, found).then((isKept) => isKept && onStale(), (error: unknown) => log.error('how to log in could not be stored', { error })),
    access: accessOf(deps, network, account),
    sources: [upnp, mpris],
    shared: createSharedMedia({ clock, random, isPublic: (address) => isPublicAddress(address, systemNetworks()) }, config.feed.shared),
    connect: (login, router) => createXmppConnection({ clock, random, log: log.child('server', { device: login.jid }), router }, login, serverOptions(config)),
    addresses: systemAddresses,
  }, gatewaySettings(config));
  try {
    await gateway.start({ signal });
  } catch (error) {
    await release();
    throw error;
  }
  const controls = pairingControls(pairing, button, {
    press: async () => gateway.pressButton(!(await canMakeRoom(deps))),
    assertMayAdd: () => network.assertUnlocked(),
  });
  return facade({ gateway, network, account: () => loadAccount(storage), ...controls }, deps, release);
};

/** The account counts only while the network is in it: a local-only network has none. */
function accessOf({ storage }: GatewayDeps, network: Network, account: StoredAccount | undefined): AccountAccess | undefined {
  if (!account || account.jid !== network.bare) return undefined;
  const { password, server, ca } = account;
  return new AccountAccess({ password, server, ca, forgetPassword: () => forgetPassword(storage) });
}

interface Running extends PairingControls {
  readonly gateway: MediaGateway;
  readonly network: Network;
  /** As it is stored now: the password may have been forgotten meanwhile. */
  account(): Promise<StoredAccount | undefined>;
}

function facade({ gateway, network, account, pairing, button }: Running, deps: GatewayDeps, release: () => Promise<void>): Gateway {
  return {
    pairing, button,
    userKey: userKeyControl({ network, issueDue: () => gateway.issueDue(), handOver: (device) => gateway.handOver(device) }),
    async removeDevice(device) {
      const { wasGateway, isPutOut } = await gateway.remove(device);
      const { login } = gateway;
      return { isPutOut, password: !wasGateway || network.isLocalOnly ? 'nothing' : login?.hasPassword ? 'likely' : 'maybe' };
    },
    keepDevice: (device) => gateway.relist(device),
    unlisted: () => describeUnlisted(network),
    status: () => describeStatus(gateway, network, deps),
    devices: () => gateway.devices().map((device) => describeDevice(device)),
    async browse(device, container, { offset, limit, signal }) {
      return describePage(await gateway.browse(device, { container, offset, limit }, signal), device);
    },
    url: (item, options) => gateway.url(item, options),
    players: playersControl(gateway.players),
    share: async (source, options) => ({ uri: await gateway.share('file' in source ? source.file : source.url, { ...options, title: source.title }) }),
    exportCredentials: ({ name, password }) => exported({ gateway, network, account }, deps, { name, password }),
    exportBackup: async (options) => sealBackup(network, await account(), options, deps),
    async close({ signal }) {
      pairing.close();
      button.close();
      await gateway.stop({ signal });
      await release();
    },
  };
}

/** A new device in a file. It is let into the account before the file is there; one that can't be let in is no device. */
async function exported({ gateway, network, account }: Pick<Running, 'gateway' | 'network' | 'account'>, deps: GatewayDeps, { name, password }: { readonly name: string; readonly password: string }): Promise<{ file: Buffer; jid: string }> {
  // The second machine bridges its own LAN: it is a host.
  const device = await network.createDevice(name, ['host']);
  try {
    const login = await gateway.letIn({ key: device.key, jid: device.jid, roles: ['host'], name, certificate: device.certificate.der });
    const { server, ca } = (await account()) ?? {};
    const file = await encodeCredentials({
      account: bareJid(device.jid),
      password: login?.password,
      isLetIn: login?.isLetIn,
      server, ca, name, device,
      userCertificate: network.userCertificate,
      lists: joiningLists(network.lists.snapshot, trustOptions(deps.config)).map(({ element }) => element),
    }, password, deps, trustOptions(deps.config));
    return { file, jid: device.jid };
  } catch (error) {
    await network.removeDevice(device.key);
    throw error;
  }
}
