import { XpmnError } from '../xpmn/kernel/errors.ts';
import { tryJid } from '../xpmn/model/jid.ts';
import type { GatewayDevice } from './gateway-api.ts';

type Named = Pick<GatewayDevice, 'jid' | 'id' | 'name'>;
type Offering = Named & Pick<GatewayDevice, 'services'>;
type Rule = (device: Named, wanted: string) => boolean;

const fold = (text: string): string => text.normalize('NFC').toLowerCase();

/** From the most to the least exact; the first rule that finds any device decides. */
const RULES: readonly Rule[] = [
  (device, wanted) => device.jid === tryJid(wanted),
  (device, wanted) => device.id === wanted,
  (device, wanted) => fold(device.name) === fold(wanted),
  (device, wanted) => device.id.startsWith(wanted),
  (device, wanted) => fold(device.name).startsWith(fold(wanted)),
  // What people call their "Attic NAS".
  (device, wanted) => fold(device.name).split(/[^\p{L}\p{N}]+/u).some((word) => word.startsWith(fold(wanted))),
];

/**
 * The one device that a user means: by full JID, resource, name, or the beginning of one of these two, or of a word in the name.
 * @throws XpmnError `not-found`; `bad-request` naming the candidates
 */
export function findDevice<D extends Named>(wanted: string, devices: readonly D[]): D {
  const found = search(wanted, devices);
  if (!found) throw new XpmnError('not-found', `No device is called "${wanted}": \`xpmn devices\` lists those there are.`);
  return found;
}

/** The device whose library a user means: as `findDevice`, but those that have one come first, as players do. @throws XpmnError as `findDevice` */
export function findLibrary<D extends Offering>(wanted: string, devices: readonly D[]): D {
  return search(wanted, devices.filter(({ services }) => services.includes('directory'))) ?? findDevice(wanted, devices);
}

/**
 * The player that a user means: as `findDevice`, but players come first; where none is named, the only one that there is. What a
 * device that was never heard offers is not known: it may be one.
 * @throws XpmnError `not-found`; `bad-request` naming the candidates; `not-supported` for what is no player
 */
export function findPlayer<D extends Offering>(wanted: string | undefined, devices: readonly D[]): D {
  const players = devices.filter(isPlayer);
  if (wanted === undefined) return onlyOne(players);
  const player = search(wanted, players);
  if (player) return player;
  const other = findDevice(wanted, devices);
  if (other.services.length > 0) throw playsNothing(other);
  return other;
}

export function isPlayer({ services }: Pick<GatewayDevice, 'services'>): boolean {
  return services.includes('playback') || services.includes('rendering');
}

export function playsNothing(device: Named, cause?: unknown): XpmnError {
  return new XpmnError('not-supported', `${labelOf(device)} is no player: \`xpmn devices\` shows which devices are (playback, rendering).`, { cause });
}

function onlyOne<D extends Named>(players: readonly D[]): D {
  const [player, ...others] = players;
  if (!player) throw new XpmnError('not-found', 'There is no player in the media network that is on: `xpmn devices` shows what there is.');
  if (others.length > 0) throw new XpmnError('bad-request', `There are several players: ${namesOf(players)}. Say which with --on, by its name or what is in parentheses.`);
  return player;
}

function search<D extends Named>(wanted: string, devices: readonly D[]): D | undefined {
  for (const rule of wanted === '' ? [] : RULES) {
    const found = devices.filter((device) => rule(device, wanted));
    if (found.length === 1) return found[0];
    if (found.length > 1) throw new XpmnError('bad-request', `Several devices are meant by "${wanted}": ${namesOf(found)}. Say which by what is in parentheses.`);
  }
  return undefined;
}

/** What it is called, and what names it alone in its network. */
export function labelOf({ name, id }: Pick<Named, 'name' | 'id'>): string {
  return `${name} (${id})`;
}

/** The first ten, with what names each of them alone. */
function namesOf(devices: readonly Named[]): string {
  const isUnique = new Set(devices.map(({ id }) => id)).size === devices.length;
  const names = devices.slice(0, 10).map(({ name, id, jid }) => labelOf({ name, id: isUnique ? id : jid }));
  return `${names.join(', ')}${devices.length > names.length ? ', …' : ''}`;
}
