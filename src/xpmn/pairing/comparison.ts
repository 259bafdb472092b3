/**
 * A short number that is equal on both ends of one session and, but for a guess in a million, of no two: people compare
 * it where nothing else proves who is there. Somebody in the middle has two sessions, and could try keys until the numbers of
 * both agree; so each end adds something that the other can't know before its own part is fixed.
 *
 *   new machine                                     the other
 *   <compare commitment='SHA-256 of its nonce'/> ─▶
 *                                                ◀─ <compare nonce='…'/>
 *   <join … nonce='…'/>                          ─▶  it checks that against the commitment
 */
import { createHash } from 'node:crypto';
import { XpmnError } from '../kernel/errors.ts';
import type { Random } from '../kernel/clock.ts';
import { NS } from '../model/namespaces.ts';
import { elements, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';

/** Of the session's keying material (RFC 5705). */
export const COMPARISON = { label: 'EXPORTER-XPMN-Comparison-v1', length: 32 } as const;

const NONCE_BYTES = 16;
const NONCE = /^[0-9a-f]{32}$/;
const DIGITS = 6;

export interface Compared {
  /** Six digits. */
  readonly number: string;
  /** To be told with the wish to join. */
  readonly nonce: string;
}

export function makeNonce(random: Random): string {
  return random.bytes(NONCE_BYTES).toString('hex');
}

export function commitmentTo(nonce: string): string {
  return hash(['xpmn-comparison-commitment-v1', nonce]).toString('hex');
}

/** `exporter` is the keying material of `COMPARISON`. */
export function comparisonNumber(exporter: Uint8Array, { joiner, host }: { readonly joiner: string; readonly host: string }): string {
  const digest = hash(['xpmn-comparison-v1', Buffer.from(exporter).toString('hex'), joiner, host]);
  return String(digest.readUIntBE(0, 6) % 10 ** DIGITS).padStart(DIGITS, '0');
}

export function formatCompare(attrs: { readonly commitment: string } | { readonly nonce: string }): XmlElement {
  return xml('compare', NS.pairing, attrs);
}

/** The new machine's side. @throws XpmnError `malformed`; as `StanzaChannel.request` */
export async function compare(channel: StanzaChannel, exporter: Uint8Array, random: Random, { signal }: { readonly signal: AbortSignal }): Promise<Compared> {
  const nonce = makeNonce(random);
  const [answer] = elements(await channel.request({ type: 'get', payload: formatCompare({ commitment: commitmentTo(nonce) }) }, { signal }));
  const theirs = answer?.name === 'compare' && answer.ns === NS.pairing ? answer.attrs['nonce'] : undefined;
  if (theirs === undefined || !NONCE.test(theirs)) throw new XpmnError('malformed', 'The other device did not say what its number is made of.');
  return { nonce, number: comparisonNumber(exporter, { joiner: nonce, host: theirs }) };
}

/** Texts without white space: a space between two can't be part of one. */
function hash(fields: readonly string[]): Buffer {
  return createHash('sha256').update(fields.join(' ')).digest();
}
