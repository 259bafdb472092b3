import { XpmnError } from '../xpmn/kernel/errors.ts';
import { tryJid } from '../xpmn/model/jid.ts';
import type { GatewayDevice } from './gateway-api.ts';

type Named = Pick<GatewayDevice, 'jid' | 'id' | 'name'>;
type Rule = (device: Named, wanted: string) => boolean;

const fold = (text: string): string => text.normalize('NFC').toLowerCase();

/** From the most to the least exact; the first rule that finds any device decides. */
const RULES: readonly Rule[] = [
  (device, wanted) => device.jid === tryJid(wanted),
  (device, wanted) => device.id === wanted,
  (device, wanted) => fold(device.name) === fold(wanted),
  (device, wanted) => device.id.startsWith(wanted),
  (device, wanted) => fold(device.name).startsWith(fold(wanted)),
];

/**
 * The one device that a user means: by full JID, resource, name, or the beginning of one of these two.
 * @throws XpmnError `not-found`; `bad-request` naming the candidates
 */
export function findDevice<D extends Named>(wanted: string, devices: readonly D[]): D {
  for (const rule of wanted === '' ? [] : RULES) {
    const found = devices.filter((device) => rule(device, wanted));
    if (found.length === 1) return found[0] as D;
    if (found.length > 1) {
      const isUnique = new Set(found.map(({ id }) => id)).size === found.length;
      const names = found.slice(0, 10).map(({ id, jid }) => (isUnique ? id : jid));
      throw new XpmnError('bad-request', `Several devices are meant by "${wanted}": ${names.join(', ')}${found.length > names.length ? ', …' : ''}.`);
    }
  }
  throw new XpmnError('not-found', `No device is called "${wanted}": \`xpmn devices\` lists those there are.`);
}
