/**
 * A gateway whose pairing window is open says so to its own account, and to nobody else: to disco#info at a node of its
 * own. A device that has logged in, and is part of no network yet, asks all devices of the account.
 *
 *   <query xmlns='http://jabber.org/protocol/disco#info' node='urn:xmpp:xpmn:pairing:0'>
 *     <identity category='automation' type='xpmn' name='NAS'/>
 *     <feature var='urn:xmpp:xpmn:pairing:0'/>
 *     <x xmlns='jabber:x:data' type='result'>FORM_TYPE, network</x>
 *   </query>
 * (the form as in XEP-0128)
 */
import { NS } from '../model/namespaces.ts';
import { childText, childrenNamed, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { DiscoInfo } from '../xmpp/disco.ts';

export const WAITING_NODE = NS.pairing;

export interface WaitingDevice {
  /** For people. */
  readonly name: string;
  /** The network id, as it says: nothing of this is proven. */
  readonly network: string;
}

export function formatWaiting({ name, network }: WaitingDevice): DiscoInfo {
  const form = xml('x', NS.dataForm, { type: 'result' }, field('FORM_TYPE', NS.pairing, 'hidden'), field('network', network));
  return { identities: [{ category: 'automation', type: 'xpmn', name }], features: [NS.pairing], forms: [form] };
}

/** Undefined: it does not wait. */
export function parseWaiting({ identities, features, forms }: DiscoInfo): WaitingDevice | undefined {
  const network = forms.filter((form) => valueOf(form, 'FORM_TYPE') === NS.pairing).map((form) => valueOf(form, 'network'))[0] ?? '';
  if (!features.includes(NS.pairing) || !/^[0-9a-f]{64}$/.test(network)) return undefined;
  return { name: identities.find(({ name }) => name)?.name ?? '', network };
}

function field(name: string, value: string, type?: string): XmlElement {
  return xml('field', NS.dataForm, { var: name, type }, xml('value', NS.dataForm, {}, value));
}

function valueOf(form: XmlElement, name: string): string | undefined {
  const found = childrenNamed(form, 'field', NS.dataForm).find(({ attrs }) => attrs['var'] === name);
  return found && childText(found, 'value', NS.dataForm);
}
