import { XpmnError } from '../kernel/errors.ts';
import { bareJid, tryJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import { NS } from '../model/namespaces.ts';
import { xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import { NS_PUBSUB, NS_PUBSUB_OWNER, formatRequest, parseAnswer, parseEvent as parsePubsubEvent } from './pubsub-codec.ts';
import type { PubsubEvent, PubsubItem } from './pubsub-codec.ts';
import { resultPayload } from './stanza.ts';

/**
 * Lists of items on the own account, reading those of others, and those of the device at the end of an end-to-end stream.
 *
 * @spec XEP-0060 v1.26.0 §6.5, §7.1, §8.2
 * @spec XEP-0163 v1.2.2 §3
 */

/** Who may read: everybody, who may see the presence, or nobody but the account (a whitelist without members). */
export type PepAccess = 'open' | 'presence' | 'whitelist';

export type PepItem = PubsubItem;

/** An item to be published. */
export type PepPublication = PepItem & { readonly payload: XmlElement };

export interface PepNode {
  readonly node: string;
  readonly access: PepAccess;
  /** Items that the node has to hold. */
  readonly maxItems: number;
}

export interface PepEvent extends PubsubEvent {
  /** The account that the node is on. */
  readonly from: Jid;
}

type Request = { readonly signal: AbortSignal };

/**
 * Publishes `items`, each under its id, and reads them back: some servers keep but one item and don't say so.
 * Publish-options are tried first; where the server doesn't know them, or the node has another configuration, the node is
 * created and configured first, and the items are published without. Nothing is published to a node that is open wider than `access`.
 *
 * @throws XpmnError as the server says; `not-supported` if the server did not keep all of them (`details.kept`)
 */
export async function publishList(channel: StanzaChannel, node: PepNode, items: readonly PepPublication[], options: Request): Promise<void> {
  let configured = false;
  for (const item of items) {
    if (!configured) {
      try {
        await publishItem(channel, node.node, item, options, publishOptions(node));
        continue;
      } catch (error) {
        if (!isAboutOptions(error)) throw error;
        await createOrConfigure(channel, node, options);
        configured = true;
      }
    }
    await publishItem(channel, node.node, item, options);
  }
  const kept = new Set((await fetchItems(channel, undefined, node.node, options)).map(({ id }) => id));
  const missing = items.filter(({ id }) => !kept.has(id));
  if (missing.length > 0) throw new XpmnError('not-supported', `The server keeps only ${kept.size} items of ${node.node}.`, { details: { kept: kept.size } });
}

/** All items of a node, or those of `ids`; none if there is no such node. @throws XpmnError as the server says */
export async function fetchItems(channel: StanzaChannel, account: Jid | undefined, node: string, { ids = [], ...options }: Request & { readonly ids?: readonly string[] }): Promise<PepItem[]> {
  try {
    const result = await channel.request({ type: 'get', to: account && bareJid(account), payload: formatRequest({ action: 'items', node, ids }) }, options);
    const pubsub = resultPayload(result, 'pubsub', NS_PUBSUB);
    const answer = pubsub && parseAnswer(pubsub);
    return answer?.answer === 'items' && answer.node === node ? [...answer.items] : [];
  } catch (error) {
    if (error instanceof XpmnError && error.code === 'not-found') return [];
    throw error;
  }
}

/** Removes one item; it is no failure if it is not there. */
export async function retractItem(channel: StanzaChannel, node: string, id: string, options: Request): Promise<void> {
  try {
    await channel.request({ type: 'set', payload: formatRequest({ action: 'retract', node, id }) }, options);
  } catch (error) {
    if (!(error instanceof XpmnError && error.code === 'not-found')) throw error;
  }
}

/** The event of an account in a message, or undefined. Accounts are bare JIDs; who publishes in another's name can't be. */
export function parseEvent(message: XmlElement): PepEvent | undefined {
  const from = tryJid(message.attrs['from']);
  const event = parsePubsubEvent(message);
  return event && from !== undefined && from === bareJid(from) ? { ...event, from } : undefined;
}

/** Publishes one item, to a node that is there. `withOptions` are publish-options. @throws XpmnError as the service says */
export async function publishItem(channel: StanzaChannel, node: string, { id, payload }: PepPublication, options: Request, withOptions?: XmlElement): Promise<void> {
  await channel.request({ type: 'set', payload: formatRequest({ action: 'publish', node, id, payload }, withOptions) }, options);
}

/** The node as `node` says, whether it was there or not. */
async function createOrConfigure(channel: StanzaChannel, node: PepNode, options: Request): Promise<void> {
  const configuration = form(`${NS_PUBSUB}#node_config`, node);
  const create = xml('pubsub', NS_PUBSUB, {}, xml('create', NS_PUBSUB, { node: node.node }), xml('configure', NS_PUBSUB, {}, configuration));
  try {
    await channel.request({ type: 'set', payload: create }, options);
  } catch (error) {
    if (!(error instanceof XpmnError && error.code === 'conflict')) throw error;
    const configure = xml('pubsub', NS_PUBSUB_OWNER, {}, xml('configure', NS_PUBSUB_OWNER, { node: node.node }, configuration));
    await channel.request({ type: 'set', payload: configure }, options);
  }
}

function publishOptions(node: PepNode): XmlElement {
  return xml('publish-options', NS_PUBSUB, {}, form(`${NS_PUBSUB}#publish-options`, node));
}

function form(type: string, { access, maxItems }: PepNode): XmlElement {
  const field = (name: string, value: string, kind?: string): XmlElement => xml('field', NS.dataForm, { var: name, type: kind }, xml('value', NS.dataForm, {}, value));
  return xml('x', NS.dataForm, { type: 'submit' },
    field('FORM_TYPE', type, 'hidden'),
    field('pubsub#persist_items', '1'),
    field('pubsub#max_items', String(maxItems)),
    field('pubsub#access_model', access),
    field('pubsub#send_last_published_item', 'never'),
    field('pubsub#notify_retract', '1'),
    field('pubsub#deliver_payloads', '1'));
}

/**
 * `conflict`: precondition-not-met. The others: servers that don't know publish-options, or not all of them (ejabberd:
 * resource-constraint "Unknown field"). Trying the other way harms nothing.
 */
function isAboutOptions(error: unknown): boolean {
  const codes: readonly string[] = ['conflict', 'resource-limit', 'not-supported', 'not-acceptable', 'bad-request'];
  return error instanceof XpmnError && codes.includes(error.code);
}
