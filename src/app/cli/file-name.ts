import { basename } from 'node:path';
import { XpmnError } from '../../xpmn/kernel/errors.ts';
import { extensionFor } from '../../xpmn/media/media-tickets.ts';

const LONGEST = 100;

/** A name for an item's file, from what its device says: one harmless name, never a path. */
export function fileNameFor(uid: string, type: string): string {
  const safe = uid.replace(/[^A-Za-z0-9_-]+/g, '_').replace(/^[-_]+/, '').slice(0, LONGEST);
  return basename(`${safe === '' ? 'media' : safe}.${extensionFor(type)}`);
}

/** `A-B` or `A-`, as in HTTP: both inclusive. @throws XpmnError `usage` */
export function parseByteRange(text: string): { readonly from: number; readonly to?: number } {
  const match = /^(\d{1,15})-(\d{0,15})$/.exec(text);
  const [from, to] = [Number(match?.[1]), match?.[2] ? Number(match[2]) : undefined];
  if (!match || (to !== undefined && to < from)) throw new XpmnError('usage', `"${text}" is no range of bytes: they look like 0-999, or 1000- for all from there.`);
  return to === undefined ? { from } : { from, to };
}

/** `HOST:PORT`, `[IPv6]:PORT`. @throws XpmnError `usage` */
export function parseServer(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port < 1 || port > 65535) throw new XpmnError('usage', `"${text}" is no server: they look like xmpp.example.org:5222.`);
  return { host: (match[1] ?? match[2]) as string, port };
}
