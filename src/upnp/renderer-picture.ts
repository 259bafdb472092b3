import { XpmnError } from '../xpmn/kernel/errors.ts';
import { pictureType } from '../xpmn/model/picture.ts';
import type { Picture } from '../xpmn/model/picture.ts';
import type { Requester } from './requester.ts';
import type { SoapEndpoint } from './soap.ts';

export interface PictureContext {
  readonly endpoint: Pick<SoapEndpoint, 'controlUrl' | 'scope'>;
  /** SECURITY: what a device says leads to itself, or where the owner lets it lead, and nowhere else (PROTOCOL §7). */
  readonly allowedHosts: readonly string[];
  readonly limit: number;
  readonly signal: AbortSignal;
}

/** The picture at the address that a renderer gives for it. @throws XpmnError `not-found`, `not-allowed`, `unsupported-type`, `too-large`, as `Requester` */
export async function fetchPicture(requester: Requester, address: string, { endpoint: { controlUrl, scope }, allowedHosts, limit, signal }: PictureContext): Promise<Picture> {
  if (!URL.canParse(address, controlUrl.href)) throw nothing();
  const { status, body: bytes } = await requester.request({ method: 'GET', url: new URL(address, controlUrl), allowedHosts, scope, idempotent: true }, { signal });
  if (status !== 200) throw nothing();
  if (bytes.length > limit) throw new XpmnError('too-large', 'The picture is too large.');
  const type = pictureType(bytes);
  if (type === undefined) throw new XpmnError('unsupported-type', 'That is no picture of a kind that is known.');
  return { type, bytes };
}

function nothing(): XpmnError {
  return new XpmnError('not-found', 'The device has no such picture.');
}
