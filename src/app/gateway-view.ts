import type { KnownDevice } from '../xpmn/gateway/known-devices.ts';
import type { MediaGateway } from '../xpmn/gateway/media-gateway.ts';
import { formatAuthority } from '../xpmn/media/http-host.ts';
import { resourceOf } from '../xpmn/model/jid.ts';
import type { Jid } from '../xpmn/model/jid.ts';
import { formatMediaUri } from '../xpmn/model/media-uri.ts';
import type { MediaPage } from '../xpmn/model/media.ts';
import type { Network } from '../xpmn/trust/network.ts';
import { isPlayer } from './find-device.ts';
import type { GatewayDeps, GatewayDevice, GatewayStatus, LibraryPage, UnlistedDevice } from './gateway-api.ts';
import { handOverWarnings, managerOf, userKeyState, userKeyWarnings } from './user-key-desk.ts';

export function describeDevice(device: KnownDevice): GatewayDevice {
  const { jid, name, trust, isHere, isListedHere, isAvailable, services } = device;
  const id = resourceOf(jid);
  const kind = services.includes('directory') ? 'media-server' : isPlayer(device) ? 'media-player' : trust === 'own' ? 'gateway' : 'unknown';
  return {
    jid, id, kind, services, trust,
    name: name ?? id,
    where: isHere || (isListedHere && !isAvailable) ? 'here' : 'elsewhere',
    reach: reachOf(device),
  };
}

/** How it is reached now, or would be: the local network comes before the server. */
function reachOf({ path, isHere, isOnLink, isAvailable }: KnownDevice): GatewayDevice['reach'] {
  if (path) return path;
  if (isHere) return 'in-process';
  if (isOnLink) return 'link-local';
  return isAvailable ? 'server' : 'unreachable';
}

export function describePage(page: MediaPage, device: Jid): LibraryPage {
  const children = page.children.map((child) =>
    child.kind === 'item' && child.uid !== undefined ? { ...child, uri: formatMediaUri({ device, uid: child.uid }) } : child);
  return { ...page, children };
}

export function describeStatus(gateway: MediaGateway, network: Network, { version, clock }: Pick<GatewayDeps, 'version' | 'clock'>): GatewayStatus {
  const devices = gateway.devices().map(describeDevice);
  const { connection, mediaAddress } = gateway;
  return {
    version,
    network: network.id,
    jid: gateway.jid,
    isManagement: network.isManagement,
    userKey: userKeyState(network),
    manager: managerOf(network),
    connection: {
      state: connection ? (connection.state === 'idle' ? 'connecting' : connection.state) : 'local-only',
      reason: connection?.problem?.message,
    },
    devices: {
      here: devices.filter(({ where, reach }) => where === 'here' && reach !== 'unreachable').length,
      elsewhere: devices.filter(({ where, reach }) => where === 'elsewhere' && reach !== 'unreachable').length,
      unreachable: devices.filter(({ reach }) => reach === 'unreachable').length,
    },
    mediaPort: mediaAddress && formatAuthority(mediaAddress),
    warnings: [...warningsOf(gateway, network), ...handOverWarnings(network), ...userKeyWarnings(network, clock.now())],
  };
}

/** Nobody says what they are called: whom no list names is not asked. */
export function describeUnlisted({ unlisted }: Network): UnlistedDevice[] {
  return unlisted.devices.map(({ jid }) => ({ jid, id: resourceOf(jid), name: resourceOf(jid) }));
}

export function unconnected(count: number, why: string, nearby: string): string {
  const [who, how] = count === 1 ? ['A device has no connection of its own', 'it works'] : [`${count} devices have no connection of their own`, 'they work'];
  return `${who} to the server, as ${why}; ${how} ${nearby}.`;
}

function warningsOf(gateway: MediaGateway, network: Network): string[] {
  const warnings: string[] = [];
  const nearby = gateway.isOnLocalNetwork ? 'on this local network only' : 'on this machine only';
  if (!network.isMember) warnings.push('This machine was removed from the media network: it bridges nothing, and the other devices do not answer it any more. It comes back only as a new device: `xpmn pair start` on a machine of the network, and here `xpmn pair join --replace`.');
  else if (!network.isHost) warnings.push('The media network does not list this machine as a host: it bridges nothing.');
  if (network.isLocalOnly) warnings.push(`The media network has no account yet: its devices are reached ${nearby}. xpmn init --jid makes the rest of the world.`);
  const { unconnected: { beyondLimit, notLetIn }, login } = gateway;
  if (beyondLimit > 0) warnings.push(unconnected(beyondLimit, 'the limit is reached, `gateway.connections` in the settings', nearby));
  if (notLetIn > 0) warnings.push(unconnected(notLetIn, 'it refuses the login', nearby));
  if (network.isMember && login?.isStuck && !login.hasPassword) warnings.push(`The server takes this machine's certificate no more, and the password was forgotten: \`xpmn init --jid ${network.bare}\` asks for it again.`);
  if (!login && !network.isLocalOnly) warnings.push(`This machine does not know the password of the account ${network.bare}: another machine of the network lets it in once they meet on a local network, or \`xpmn init --jid ${network.bare}\` asks for it.`);
  for (const { id } of describeUnlisted(network)) warnings.push(`${id} joined after the backup was made, and is shut out until you decide: \`xpmn keep ${id}\` or \`xpmn remove ${id}\`.`);
  return warnings;
}
