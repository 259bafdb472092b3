import { bareJid } from '../../src/xpmn/model/jid.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import { child, childText, childrenNamed, elements, xml } from '../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';

const NS = 'http://jabber.org/protocol/pubsub';
const FORM = 'jabber:x:data';

interface Node {
  config: Record<string, string>;
  readonly items: Map<string, XmlElement>;
}

export interface FakePepOptions {
  /** What the server keeps of a node, whatever it is asked for. */
  readonly keeps: number;
  /** ejabberd refuses pubsub#max_items in publish-options. */
  readonly knowsPublishOptions: boolean;
}

/** The personal eventing service of one account: nodes, access, publish-options, events. */
export class FakePep {
  private readonly nodes = new Map<string, Node>();
  private readonly owner: Jid;
  private readonly options: FakePepOptions;
  private readonly sees: (reader: Jid) => boolean;
  private readonly notify: (node: string, event: XmlElement, allowed: (reader: Jid) => boolean) => void;

  constructor(
    owner: Jid,
    { sees, notify }: { sees(reader: Jid): boolean; notify(node: string, event: XmlElement, allowed: (reader: Jid) => boolean): void },
    options: FakePepOptions,
  ) {
    this.owner = owner;
    this.options = options;
    this.sees = sees;
    this.notify = notify;
  }

  /** The ids that a node holds, in order. */
  itemsOf(node: string): string[] {
    return [...(this.nodes.get(node)?.items.keys() ?? [])];
  }

  /** Answers a pubsub IQ; throws its error. */
  handle(from: Jid, type: string, pubsub: XmlElement): XmlElement | undefined {
    const [action] = elements(pubsub);
    const name = action?.attrs['node'];
    if (!action || name === undefined) throw new XpmnError('bad-request', 'Which node?');
    if (type === 'get') return this.read(from, name, action);
    if (bareJid(from) !== this.owner) throw new XpmnError('not-allowed', 'Not yours.');
    if (action.name === 'publish') this.publish(name, action, child(pubsub, 'publish-options', NS));
    else if (action.name === 'create') this.create(name, child(pubsub, 'configure', NS));
    else if (action.name === 'configure') this.configure(name, action);
    else if (action.name === 'retract') this.retract(name, action);
    else throw new XpmnError('not-supported', 'Not here.');
    return undefined;
  }

  private read(from: Jid, name: string, action: XmlElement): XmlElement {
    const node = this.find(name);
    if (!this.mayRead(node, from)) throw new XpmnError('not-allowed', 'Not for you.');
    const ids = childrenNamed(action, 'item').map(({ attrs }) => attrs['id']);
    const items = [...node.items.entries()].filter(([id]) => ids.length === 0 || ids.includes(id)).map(([, item]) => item);
    return xml('pubsub', NS, {}, xml('items', NS, { node: name }, items));
  }

  private publish(name: string, action: XmlElement, withOptions: XmlElement | undefined): void {
    const wanted = withOptions && fields(withOptions);
    if (wanted?.['pubsub#max_items'] !== undefined && !this.options.knowsPublishOptions) throw new XpmnError('resource-limit', 'Unknown field');
    const node = this.nodes.get(name) ?? this.add(name, wanted ?? {});
    const differs = Object.entries(wanted ?? {}).some(([key, value]) => node.config[key] !== value);
    if (differs) throw new XpmnError('conflict', 'precondition-not-met');
    for (const item of childrenNamed(action, 'item')) {
      const id = item.attrs['id'] ?? 'current';
      node.items.delete(id);
      node.items.set(id, xml('item', NS, { id }, item.children));
      this.trim(node);
      this.tell(name, node, xml('item', `${NS}#event`, { id }, item.children));
    }
  }

  private create(name: string, configure: XmlElement | undefined): void {
    if (this.nodes.has(name)) throw new XpmnError('conflict', 'It exists.');
    this.add(name, configure ? fields(configure) : {});
  }

  private configure(name: string, action: XmlElement): void {
    const node = this.find(name);
    node.config = { ...node.config, ...fields(action) };
    this.trim(node);
  }

  private retract(name: string, action: XmlElement): void {
    const node = this.find(name);
    const id = child(action, 'item')?.attrs['id'] ?? '';
    if (!node.items.delete(id)) throw new XpmnError('not-found', 'No such item.');
    this.tell(name, node, xml('retract', `${NS}#event`, { id }));
  }

  private tell(name: string, node: Node, what: XmlElement): void {
    this.notify(name, xml('event', `${NS}#event`, {}, xml('items', `${NS}#event`, { node: name }, what)), (reader) => this.mayRead(node, reader));
  }

  private mayRead(node: Node, from: Jid): boolean {
    const access = node.config['pubsub#access_model'];
    return bareJid(from) === this.owner || access === 'open' || (access === 'presence' && this.sees(from));
  }

  private add(name: string, config: Record<string, string>): Node {
    const defaults = { 'pubsub#access_model': 'presence', 'pubsub#max_items': '1', 'pubsub#persist_items': '1' };
    const node = { config: { ...defaults, ...config }, items: new Map<string, XmlElement>() };
    this.nodes.set(name, node);
    return node;
  }

  private trim(node: Node): void {
    const max = Math.min(Number(node.config['pubsub#max_items']), this.options.keeps);
    for (const id of node.items.keys()) {
      if (node.items.size <= max) return;
      node.items.delete(id);
    }
  }

  private find(name: string): Node {
    const node = this.nodes.get(name);
    if (!node) throw new XpmnError('not-found', 'No such node.');
    return node;
  }
}

function fields(parent: XmlElement): Record<string, string> {
  const form = child(parent, 'x', FORM);
  const all = form ? childrenNamed(form, 'field').map((field) => [field.attrs['var'] ?? '', childText(field, 'value') ?? ''] as const) : [];
  return Object.fromEntries(all.filter(([name]) => name !== 'FORM_TYPE'));
}
