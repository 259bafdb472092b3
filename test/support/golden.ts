import { readFileSync, readdirSync } from 'node:fs';
import { parseXml } from '../../src/xpmn/model/xml-parser.ts';
import { isElement } from '../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import { settings } from './settings.ts';

const VECTORS = new URL('../vectors/', import.meta.url);

/** Pairs NAME.xml and NAME.json of a folder of vectors (`jingle/exact/`), by name. A missing half throws. */
export function goldenPairs<T>(folder: string): { name: string; element: XmlElement; data: T }[] {
  const files = readdirSync(new URL(folder, VECTORS)).sort();
  const names = [...new Set(files.map((file) => file.replace(/\.(xml|json)$/, '')))];
  return names.map((name) => ({
    name,
    element: trimmed(parseXml(vector(`${folder}${name}.xml`), settings.xml.serverStream)),
    data: JSON.parse(vector(`${folder}${name}.json`).toString()) as T,
  }));
}

export function vector(path: string): Buffer {
  return readFileSync(new URL(path, VECTORS));
}

/** Without the white space between elements, which files have and stanzas don't. */
function trimmed(element: XmlElement): XmlElement {
  const inside = element.children.filter(isElement);
  return { ...element, children: inside.length > 0 ? inside.map(trimmed) : element.children };
}
