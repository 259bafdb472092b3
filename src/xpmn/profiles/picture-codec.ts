import { XpmnError } from '../kernel/errors.ts';
import { NS } from '../model/namespaces.ts';
import { isPictureOf } from '../model/picture.ts';
import type { Picture } from '../model/picture.ts';
import { textOf, xml } from '../model/xml.ts';
import type { XmlElement } from '../model/xml.ts';

/** Bits of Binary. @spec XEP-0231 v1.1 §2.5 */

const TYPE = /^image\/(?:jpeg|png|gif|webp)$/;

export function formatPictureQuery(uri: string): XmlElement {
  return xml('data', NS.bits, { cid: cidOf(uri) });
}

export function formatPicture(uri: string, { type, bytes }: Picture): XmlElement {
  return xml('data', NS.bits, { cid: cidOf(uri), type }, bytes.toString('base64'));
}

/** What was asked for, by its hash. @throws XpmnError `malformed` for anything else; `unsupported-type` */
export function parsePicture(element: XmlElement, uri: string): Picture {
  const bytes = Buffer.from(textOf(element), 'base64');
  if (element.name !== 'data' || element.ns !== NS.bits || !isPictureOf(uri, bytes)) throw new XpmnError('malformed', 'The device answered with something else than that picture.');
  const { type = '' } = element.attrs;
  if (!TYPE.test(type)) throw new XpmnError('unsupported-type', 'That is no picture of a kind that is known.');
  return { type, bytes };
}

function cidOf(uri: string): string {
  return uri.replace(/^cid:/i, '');
}
