import { XpmnError } from '../kernel/errors.ts';

/**
 * XML as plain, immutable data. `ns` is the element's namespace ('' for none), resolved: prefixes are gone. Attributes
 * are unqualified, but for `xml:lang`, which keeps its prefix, and foreign ones, which are named `{namespace}local`.
 * Comments and processing instructions do not exist.
 */
export interface XmlElement {
  readonly name: string;
  readonly ns: string;
  readonly attrs: Readonly<Record<string, string>>;
  readonly children: readonly XmlNode[];
}

export type XmlNode = XmlElement | string;

type Child = XmlNode | undefined | false | readonly XmlNode[];

/**
 * Builds an element. Undefined attributes and false or undefined children are left out, so that optional parts can be
 * written in place: `xml('query', NS, {node}, item && itemElement(item))`.
 */
export function xml(name: string, ns: string, attrs: Readonly<Record<string, string | number | undefined>> = {}, ...children: Child[]): XmlElement {
  const kept: Record<string, string> = {};
  for (const [key, value] of Object.entries(attrs)) if (value !== undefined) kept[key] = String(value);
  const nodes: XmlNode[] = [];
  for (const child of children) {
    if (child === undefined || child === false) continue;
    if (typeof child === 'string' || !Array.isArray(child)) nodes.push(child as XmlNode);
    else nodes.push(...(child as readonly XmlNode[]));
  }
  return { name, ns, attrs: kept, children: nodes };
}

export function isElement(node: XmlNode): node is XmlElement {
  return typeof node !== 'string';
}

export function elements(parent: XmlElement): XmlElement[] {
  return parent.children.filter(isElement);
}

/** The first child of that name; any namespace if `ns` is not given. */
export function child(parent: XmlElement, name: string, ns?: string): XmlElement | undefined {
  for (const node of parent.children) {
    if (isElement(node) && node.name === name && (ns === undefined || node.ns === ns)) return node;
  }
  return undefined;
}

export function childrenNamed(parent: XmlElement, name: string, ns?: string): XmlElement[] {
  return elements(parent).filter((node) => node.name === name && (ns === undefined || node.ns === ns));
}

/** All text directly inside. */
export function textOf(element: XmlElement): string {
  let text = '';
  for (const node of element.children) if (!isElement(node)) text += node;
  return text;
}

/** The text of the first child of that name, or undefined if there is no such child. */
export function childText(parent: XmlElement, name: string, ns?: string): string | undefined {
  const found = child(parent, name, ns);
  return found && textOf(found);
}

export function withAttrs(element: XmlElement, attrs: Readonly<Record<string, string | undefined>>): XmlElement {
  const merged: Record<string, string> = { ...element.attrs };
  for (const [key, value] of Object.entries(attrs)) {
    if (value === undefined) delete merged[key];
    else merged[key] = value;
  }
  return { ...element, attrs: merged };
}

/** Characters that XML 1.0 can't carry become U+FFFD: what goes out is always well-formed. */
const FORBIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const TEXT_SPECIAL = /[&<>\r]/g;
const ATTR_SPECIAL = /[&<>'"\r\n\t]/g;
const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;', '<': '&lt;', '>': '&gt;', "'": '&apos;', '"': '&quot;', '\r': '&#xD;', '\n': '&#xA;', '\t': '&#x9;',
};

export function escapeText(text: string): string {
  return text.replace(FORBIDDEN, '\ufffd').replace(TEXT_SPECIAL, (c) => ESCAPES[c] as string);
}

export function escapeAttr(text: string): string {
  return text.replace(FORBIDDEN, '\ufffd').replace(ATTR_SPECIAL, (c) => ESCAPES[c] as string);
}

/** What can't be part of a name, and would let text out of its quotes. */
const NOT_A_NAME = /[\s<>&'"=/:{}\p{Cc}]|^$|^[-.\d]/u;
const FOREIGN = /^\{([^}]*)\}(.*)$/s;

/**
 * Text of the element; `parentNs` is the default namespace in force where it will be put (nothing is repeated).
 * @throws XpmnError `internal` for a name that is none: names are the program's, never a peer's
 */
export function serialise(element: XmlElement, parentNs = ''): string {
  const { name, ns, attrs, children } = element;
  checkName(name);
  let out = `<${name}`;
  if (ns !== parentNs) out += ` xmlns='${escapeAttr(ns)}'`;
  let prefixes = 0;
  for (const key in attrs) {
    const foreign = FOREIGN.exec(key);
    const local = foreign?.[2] ?? key.replace(/^xml:/, '');
    checkName(local);
    if (foreign) out += ` xmlns:n${(prefixes += 1)}='${escapeAttr(foreign[1] as string)}' n${prefixes}:${local}`;
    else if (key === 'xmlns') throw new XpmnError('internal', 'A namespace is no attribute.');
    else out += ` ${key}`;
    out += `='${escapeAttr(attrs[key] as string)}'`;
  }
  if (children.length === 0) return `${out}/>`;
  out += '>';
  for (const node of children) out += isElement(node) ? serialise(node, ns) : escapeText(node);
  return `${out}</${name}>`;
}

/** Whether an element or attribute may be called so. */
export function isXmlName(name: string): boolean {
  return !NOT_A_NAME.test(name);
}

function checkName(name: string): void {
  if (!isXmlName(name)) throw new XpmnError('internal', 'That is no name for an element or attribute.');
}
