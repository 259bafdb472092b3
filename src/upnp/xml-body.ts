import { parseLenientXml } from '../mapping/lenient-xml.ts';
import type { LenientXml } from '../mapping/lenient-xml.ts';
import type { XmlLimits } from '../xpmn/model/xml-parser.ts';
import { elements, isElement, serialise, textOf } from '../xpmn/model/xml.ts';
import type { XmlElement } from '../xpmn/model/xml.ts';
import type { HttpResponse } from './requester.ts';

/** The XML of a response, in whatever encoding it says it is in. Never throws. */
export function xmlOf(message: Pick<HttpResponse, 'body' | 'headers'>, limits: XmlLimits): LenientXml {
  return parseLenientXml(xmlTextOf(message), limits);
}

/** COMPAT: XML values that were never escaped come as elements: put together again. */
export function valueOf(element: XmlElement): string {
  return element.children.some(isElement) ? elements(element).map((one) => serialise(one)).join('') : textOf(element);
}

/** The byte order mark knows best, then the document, then the header (devices rarely set that one on purpose). */
export function xmlTextOf({ body, headers }: Pick<HttpResponse, 'body' | 'headers'>): string {
  const declared = /^[\s\0]*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})["']/i.exec(body.toString('latin1', 0, 300))?.[1];
  const said = /charset\s*=\s*"?([\w.:-]{1,40})/i.exec(headers['content-type'] ?? '')?.[1];
  const mark = body[0] === 0xff && body[1] === 0xfe ? 'utf-16le' : body[0] === 0xfe && body[1] === 0xff ? 'utf-16be' : undefined;
  for (const label of [mark, declared, said]) {
    if (label === undefined) continue;
    try {
      return new TextDecoder(label).decode(body);
    } catch {
      // an encoding that nobody knows: the next opinion
    }
  }
  return new TextDecoder('utf-8').decode(body);
}
