/**
 * In-band bytestreams: the elements of the stream itself and of its two Jingle transports.
 *
 * @spec XEP-0047 v2.0.1 §2.1, §2.2, §2.3
 * @spec XEP-0261 v1.0 §2.2, §2.3
 */
import { XpmnError } from '../../kernel/errors.ts';
import { textOf, xml } from '../../model/xml.ts';
import type { XmlElement } from '../../model/xml.ts';

export const NS_IBB = 'http://jabber.org/protocol/ibb';

/** 1: XEP-0261 v1.0, the initiator opens. 0: the form of its first versions, open as soon as the session is accepted. */
export type IbbVersion = 0 | 1;

export function ibbNamespace(version: IbbVersion): string {
  return `urn:xmpp:jingle:transports:ibb:${version}`;
}

/** Sequence numbers are 16 bits and begin again at 0. */
export const SEQUENCE_SPACE = 65536;
const MAX_BLOCK = 65535;
const MAX_SID = 128;

export interface IbbTransport {
  readonly sid: string;
  /** Bytes of a block at most, before base64. */
  readonly blockSize: number;
}

export interface IbbData {
  readonly sid: string;
  readonly seq: number;
  /** As it came: decoded by whoever knows the stream. */
  readonly base64: string;
}

export function formatIbbTransport(version: IbbVersion, { sid, blockSize }: IbbTransport): XmlElement {
  return xml('transport', ibbNamespace(version), { 'sid': sid, 'block-size': blockSize, 'stanza': 'iq' });
}

/** @throws XpmnError `malformed` */
export function parseIbbTransport(version: IbbVersion, element: XmlElement): IbbTransport {
  if (element.name !== 'transport' || element.ns !== ibbNamespace(version)) throw malformed('That is no in-band transport.');
  return parseBlocks(element);
}

export function formatOpen({ sid, blockSize }: IbbTransport): XmlElement {
  return xml('open', NS_IBB, { 'sid': sid, 'block-size': blockSize, 'stanza': 'iq' });
}

/** @throws XpmnError `malformed` */
export function parseOpen(element: XmlElement): IbbTransport {
  return parseBlocks(element);
}

export function formatData(sid: string, seq: number, block: Buffer): XmlElement {
  return xml('data', NS_IBB, { sid, seq }, block.toString('base64'));
}

/** @throws XpmnError `malformed` */
export function parseData(element: XmlElement): IbbData {
  const seq = wholeNumber(element.attrs['seq'], SEQUENCE_SPACE - 1);
  if (seq === undefined) throw malformed('A block has no usable sequence number.');
  return { sid: parseSid(element), seq, base64: textOf(element) };
}

export function formatClose(sid: string): XmlElement {
  return xml('close', NS_IBB, { sid });
}

/** @throws XpmnError `malformed` */
export function parseSid({ attrs: { sid } }: XmlElement): string {
  if (sid === undefined || sid === '' || sid.length > MAX_SID) throw malformed('An in-band stream has no usable sid.');
  return sid;
}

/** The bytes of a block. White space may be anywhere; anything else that is not base64 may not. @throws XpmnError `malformed` */
export function decodeBlock(base64: string): Buffer {
  const text = /\s/.test(base64) ? base64.replace(/\s+/g, '') : base64;
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw malformed('A block is not base64.');
  return Buffer.from(text, 'base64');
}

function parseBlocks(element: XmlElement): IbbTransport {
  const blockSize = wholeNumber(element.attrs['block-size'], MAX_BLOCK);
  if (!blockSize) throw malformed('An in-band stream has no usable block size.');
  // Blocks in messages can't be acknowledged, so nothing would hold a sender back.
  if ((element.attrs['stanza'] ?? 'iq') !== 'iq') throw malformed('In-band blocks travel in IQs only.');
  return { sid: parseSid(element), blockSize };
}

function wholeNumber(text: string | undefined, max: number): number | undefined {
  const value = text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) : undefined;
  return value !== undefined && value <= max ? value : undefined;
}

function malformed(message: string): XpmnError {
  return new XpmnError('malformed', message);
}
