import { XpmnError } from '../kernel/errors.ts';
import { child, childrenNamed, elements, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';

/**
 * Publish-subscribe as it is written, both sides of it: what a client asks of the account's nodes and of another device's,
 * and what a device answers that has nodes of its own.
 *
 * @spec XEP-0060 v1.26.0 §6.1, §6.2, §6.5, §7.1, §7.2
 */
export const NS_PUBSUB = 'http://jabber.org/protocol/pubsub';
export const NS_PUBSUB_OWNER = `${NS_PUBSUB}#owner`;
export const NS_PUBSUB_EVENT = `${NS_PUBSUB}#event`;

export interface PubsubItem {
  readonly id: string;
  readonly payload: XmlElement | undefined;
}

/** What can be asked for. */
export type PubsubRequest =
  /** `ids` empty: all of them; `newest`: no more than so many. */
  | { readonly action: 'items'; readonly node: string; readonly ids: readonly string[]; readonly newest?: number }
  /** Without an id, the service gives it one. */
  | { readonly action: 'publish'; readonly node: string; readonly id?: string; readonly payload: XmlElement }
  | { readonly action: 'retract'; readonly node: string; readonly id: string }
  | { readonly action: 'subscribe' | 'unsubscribe'; readonly node: string; readonly jid: string };

/** What is answered; retracting and unsubscribing have an empty answer. */
export type PubsubAnswer =
  | { readonly answer: 'items'; readonly node: string; readonly items: readonly PubsubItem[] }
  | { readonly answer: 'published'; readonly node: string; readonly id: string }
  | { readonly answer: 'subscribed'; readonly node: string; readonly jid: string };

/** What a subscriber is told. */
export interface PubsubEvent {
  readonly node: string;
  readonly published: readonly PubsubItem[];
  /** Ids of items that are no more. */
  readonly retracted: readonly string[];
  /** The node was emptied, or deleted. */
  readonly cleared?: 'purge' | 'delete' | undefined;
}

/** `<pubsub/>` of a request. `beside` is what goes with it: publish-options. */
export function formatRequest(request: PubsubRequest, beside?: XmlElement): XmlElement {
  return xml('pubsub', NS_PUBSUB, {}, actionElement(request), beside);
}

function actionElement(request: PubsubRequest): XmlElement {
  const { action, node } = request;
  const item = (id: string | undefined, payload?: XmlElement): XmlElement => xml('item', NS_PUBSUB, { id }, payload);
  switch (action) {
    case 'items': return xml('items', NS_PUBSUB, { node, max_items: request.newest }, request.ids.map((id) => item(id)));
    case 'publish': return xml('publish', NS_PUBSUB, { node }, item(request.id, request.payload));
    case 'retract': return xml('retract', NS_PUBSUB, { node, notify: '1' }, item(request.id));
    default: return xml(action, NS_PUBSUB, { node, jid: request.jid });
  }
}

/** Actions that are known and that nothing of ours does, by the feature that would. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  create: 'create-nodes', configure: 'config-node', default: 'retrieve-default', options: 'subscription-options',
  subscriptions: 'retrieve-subscriptions', affiliations: 'retrieve-affiliations',
};

/** @throws XpmnError `bad-request`, `not-supported`, with the condition of XEP-0060 in `details.condition` */
export function parseRequest(type: 'get' | 'set', pubsub: XmlElement): PubsubRequest {
  const element = elements(pubsub).find(({ ns }) => ns === NS_PUBSUB);
  if (!element) throw new XpmnError('bad-request', 'Nothing is asked for.');
  const { name, attrs } = element;
  if (Object.hasOwn(UNSUPPORTED, name)) throw unsupported(UNSUPPORTED[name] as string);
  if ((name === 'items') !== (type === 'get')) throw new XpmnError('bad-request', `There is no ${type} of that kind.`);
  const { node = '', jid } = attrs;
  if (node === '') throw refused('nodeid-required', 'Which node is not said.');
  if (name === 'items') return parseItemsRequest(element, node);
  if (name === 'publish') return parsePublish(element, node);
  if (name === 'retract') return { action: 'retract', node, id: idOf(onlyItem(element)) };
  if (name !== 'subscribe' && name !== 'unsubscribe') throw new XpmnError('bad-request', 'There is no such request.');
  if (jid === undefined) throw refused('invalid-jid', 'Whom to tell is not said.');
  return { action: name, node, jid };
}

/** A request that nothing of ours serves, by the name that XEP-0060 has for it. */
function unsupported(feature: string): XpmnError {
  return new XpmnError('not-supported', 'That is not done here.', { details: { condition: 'unsupported', feature } });
}

function refused(condition: string, message: string): XpmnError {
  return new XpmnError('bad-request', message, { details: { condition } });
}

function parseItemsRequest(element: XmlElement, node: string): PubsubRequest {
  const ids = childrenNamed(element, 'item', NS_PUBSUB).map(idOf);
  const { max_items: newest } = element.attrs;
  if (newest === undefined) return { action: 'items', node, ids };
  if (!/^[1-9]\d{0,8}$/.test(newest)) throw new XpmnError('bad-request', 'That is no number of items.');
  return { action: 'items', node, ids, newest: Number(newest) };
}

function parsePublish(element: XmlElement, node: string): PubsubRequest {
  const item = onlyItem(element);
  const [payload, second] = elements(item);
  if (!payload) throw refused('payload-required', 'The item is empty.');
  if (second) throw refused('invalid-payload', 'An item has one payload.');
  const { id } = item.attrs;
  return { action: 'publish', node, ...(id !== undefined && id !== '' && { id }), payload };
}

function onlyItem(element: XmlElement): XmlElement {
  const [item, second] = childrenNamed(element, 'item', NS_PUBSUB);
  if (!item) throw refused('item-required', 'Which item is not said.');
  if (second) throw new XpmnError('bad-request', 'That is done to one item at a time.');
  return item;
}

function idOf({ attrs: { id = '' } }: XmlElement): string {
  if (id === '') throw refused('item-required', 'Which item is not said.');
  return id;
}

export function formatAnswer(answer: PubsubAnswer): XmlElement {
  const { node } = answer;
  switch (answer.answer) {
    case 'items': return xml('pubsub', NS_PUBSUB, {}, xml('items', NS_PUBSUB, { node }, formatItems(answer.items, NS_PUBSUB)));
    case 'published': return xml('pubsub', NS_PUBSUB, {}, xml('publish', NS_PUBSUB, { node }, xml('item', NS_PUBSUB, { id: answer.id })));
    case 'subscribed': return xml('pubsub', NS_PUBSUB, {}, xml('subscription', NS_PUBSUB, { node, jid: answer.jid, subscription: 'subscribed' }));
  }
}

/** Undefined for an answer that makes no sense. */
export function parseAnswer(pubsub: XmlElement): PubsubAnswer | undefined {
  const element = elements(pubsub).find(({ ns }) => ns === NS_PUBSUB);
  const node = element?.attrs['node'];
  if (!element || node === undefined) return undefined;
  if (element.name === 'items') return { answer: 'items', node, items: parseItems(element, NS_PUBSUB) };
  const id = child(element, 'item', NS_PUBSUB)?.attrs['id'];
  if (element.name === 'publish' && id !== undefined) return { answer: 'published', node, id };
  const { jid, subscription } = element.attrs;
  return element.name === 'subscription' && subscription === 'subscribed' && jid !== undefined ? { answer: 'subscribed', node, jid } : undefined;
}

/** `<event/>`, for a message. */
export function formatEvent({ node, published, retracted, cleared }: PubsubEvent): XmlElement {
  const retractions = retracted.map((id) => xml('retract', NS_PUBSUB_EVENT, { id }));
  return xml('event', NS_PUBSUB_EVENT, {}, cleared
    ? xml(cleared, NS_PUBSUB_EVENT, { node })
    : xml('items', NS_PUBSUB_EVENT, { node }, formatItems(published, NS_PUBSUB_EVENT), retractions));
}

/** The event in a message, or undefined. Who may say so is for the caller to know. */
export function parseEvent(message: XmlElement): PubsubEvent | undefined {
  const event = child(message, 'event', NS_PUBSUB_EVENT);
  const about = event && elements(event)[0];
  const node = about?.attrs['node'];
  if (!about || node === undefined) return undefined;
  const retracted = childrenNamed(about, 'retract', NS_PUBSUB_EVENT).flatMap(({ attrs }) => (attrs['id'] === undefined ? [] : [attrs['id']]));
  const cleared = about.name === 'purge' || about.name === 'delete' ? about.name : undefined;
  return { node, published: about.name === 'items' ? parseItems(about, NS_PUBSUB_EVENT) : [], retracted, cleared };
}

function formatItems(items: readonly PubsubItem[], ns: string): XmlElement[] {
  return items.map(({ id, payload }) => xml('item', ns, { id }, payload));
}

function parseItems(parent: XmlElement, ns: string): PubsubItem[] {
  return childrenNamed(parent, 'item', ns).flatMap((item) => {
    const { id } = item.attrs;
    return id === undefined ? [] : [{ id, payload: elements(item)[0] }];
  });
}
