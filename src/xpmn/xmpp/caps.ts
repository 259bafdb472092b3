import { createHash } from 'node:crypto';
import { XpmnError } from '../kernel/errors.ts';
import { keepNewest } from '../kernel/keep-newest.ts';
import { abortable } from '../kernel/tasks.ts';
import type { Jid } from '../model/jid.ts';
import { NS } from '../model/namespaces.ts';
import { child, childText, childrenNamed, serialise, textOf, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import { formatInfo, queryInfo } from './disco.ts';
import type { DiscoInfo } from './disco.ts';

/** @spec XEP-0115 v1.6.0 §5 */
export const NS_CAPS = 'http://jabber.org/protocol/caps';

/** What somebody announces: its features by hash. */
export interface Caps {
  readonly node: string;
  readonly ver: string;
  readonly hash: string;
}

const MAX_NAME = 1024;

export function formatCaps({ node, ver, hash }: Caps): XmlElement {
  return xml('c', NS_CAPS, { hash, node, ver });
}

/** The caps in a presence; undefined if there are none, of an old format, or unreasonable. */
export function parseCaps(presence: XmlElement): Caps | undefined {
  const { node, ver, hash } = child(presence, 'c', NS_CAPS)?.attrs ?? {};
  if (node === undefined || ver === undefined || hash === undefined || node.length + ver.length + hash.length > MAX_NAME) return undefined;
  return { node, ver, hash };
}

/** §5.1: base64 of SHA-1 over identities, features and forms in the order of their bytes. */
export function computeVer(info: DiscoInfo): string {
  const identities = info.identities.map(({ category, type, lang, name }) => `${category}/${type}/${lang ?? ''}/${name ?? ''}`);
  const parts = [...sorted(identities), ...sorted(info.features), ...hashedForms(info.forms)];
  return createHash('sha1').update(parts.map((part) => `${part}<`).join('')).digest('base64');
}

/**
 * §5.4: whether an answer may stand for everybody who announces that hash. What is ill-formed must not: else one peer
 * could tell what others can.
 */
export function isTrueVer(info: DiscoInfo, { ver, hash }: Caps): boolean {
  if (hash !== 'sha-1' || hasDuplicates(info)) return false;
  return computeVer(info) === ver;
}

function hasDuplicates({ identities, features, forms }: DiscoInfo): boolean {
  const keys = [
    identities.map(({ category, type, lang, name }) => JSON.stringify([category, type, lang, name])),
    features,
    forms.map((form) => formType(form)).filter((type) => type !== undefined),
  ];
  // "<" ends a part: one inside a part could make two different answers look the same.
  const parts = [...features, ...identities.flatMap(({ category, type, name = '', lang = '' }) => [category, type, name, lang]), ...hashedForms(forms)];
  return keys.some((names) => new Set(names).size !== names.length) || formTypesDiffer(forms) || parts.some((text) => text.includes('<'));
}

/** §5.4, 3.5: "the FORM_TYPE field contains more than one <value/> element with different character data". */
function formTypesDiffer(forms: readonly XmlElement[]): boolean {
  return forms.some((form) => {
    const field = childrenNamed(form, 'field', NS.dataForm).find(({ attrs }) => attrs['var'] === 'FORM_TYPE');
    return field !== undefined && new Set(values(field)).size > 1;
  });
}

function hashedForms(forms: readonly XmlElement[]): string[] {
  const typed = forms.flatMap((form) => {
    const type = formType(form);
    return type === undefined ? [] : [{ type, form }];
  });
  typed.sort((a, b) => byteOrder(a.type, b.type));
  return typed.flatMap(({ type, form }) => {
    const fields = childrenNamed(form, 'field', NS.dataForm).filter(({ attrs }) => attrs['var'] !== undefined && attrs['var'] !== 'FORM_TYPE');
    fields.sort((a, b) => byteOrder(a.attrs['var'] as string, b.attrs['var'] as string));
    return [type, ...fields.flatMap((field) => [field.attrs['var'] as string, ...sorted(values(field))])];
  });
}

/** Only forms with a hidden FORM_TYPE count (§5.4, 3.6). */
function formType(form: XmlElement): string | undefined {
  const field = childrenNamed(form, 'field', NS.dataForm).find(({ attrs }) => attrs['var'] === 'FORM_TYPE' && attrs['type'] === 'hidden');
  return field && childText(field, 'value', NS.dataForm);
}

function values(field: XmlElement): string[] {
  return childrenNamed(field, 'value', NS.dataForm).map(textOf);
}

/** i;octet: by the bytes of UTF-8, which JavaScript's own order is not. */
function byteOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function sorted(texts: readonly string[]): string[] {
  return [...texts].sort(byteOrder);
}

export interface CapsCacheOptions {
  /** Answers kept, the last used. */
  readonly entries: number;
  /** Characters of one answer. */
  readonly answerSize: number;
}

/** What peers can do, asked once for every hash. */
export class CapsCache {
  private readonly options: CapsCacheOptions;
  private readonly known = new Map<string, DiscoInfo>();
  private readonly asking = new Map<string, Promise<DiscoInfo>>();

  constructor(options: CapsCacheOptions) {
    this.options = options;
  }

  get size(): number {
    return this.known.size;
  }

  /**
   * What `peer` can do. Without caps, or with caps that do not hold, the answer is its own alone and is not kept.
   * @throws XpmnError as queryInfo; `too-large`
   */
  async infoOf(channel: StanzaChannel, peer: Jid, caps: Caps | undefined, options: { readonly signal: AbortSignal; readonly timeout?: number }): Promise<DiscoInfo> {
    const known = caps && this.lookUp(caps);
    if (known) return known;
    const key = JSON.stringify([peer, caps?.ver]);
    const node = caps && { node: `${caps.node}#${caps.ver}` };
    // Shared by all who ask: it ends with the channel or by its time, not when the first of them loses interest.
    const asking = this.asking.get(key) ?? this.ask(channel, peer, { ...options, ...node, signal: channel.closed }).finally(() => this.asking.delete(key));
    this.asking.set(key, asking);
    const info = await abortable(asking, options.signal);
    if (caps && isTrueVer(info, caps)) this.keep(caps.ver, info);
    return info;
  }

  /** Nobody who says too much of himself is remembered: neither here nor by who asked. */
  private async ask(...question: Parameters<typeof queryInfo>): Promise<DiscoInfo> {
    const info = await queryInfo(...question);
    const { answerSize } = this.options;
    if (serialise(formatInfo(info)).length > answerSize) throw new XpmnError('too-large', `A device may say ${answerSize} characters of itself.`);
    return info;
  }

  /** What is known of a hash without asking. */
  lookUp({ ver, hash }: Caps): DiscoInfo | undefined {
    const info = hash === 'sha-1' ? this.known.get(ver) : undefined;
    if (info) this.keep(ver, info);
    return info;
  }

  private keep(ver: string, info: DiscoInfo): void {
    this.known.delete(ver);
    this.known.set(ver, info);
    keepNewest(this.known, this.options.entries);
  }
}
