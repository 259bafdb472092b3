import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import type { MediaObject } from '../../../src/xpmn/model/media.ts';
import { formatMediaUri, parseMediaUri } from '../../../src/xpmn/model/media-uri.ts';
import { serialise, xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { parseXml } from '../../../src/xpmn/model/xml-parser.ts';
import type { RangeRequest } from '../../../src/xpmn/ports/media-source.ts';
import { formatDirectoryQuery, formatResultSet, parseDirectoryQuery, parseResultSet } from '../../../src/xpmn/profiles/directory-codec.ts';
import type { ResultSet } from '../../../src/xpmn/profiles/directory-codec.ts';
import { metadataFromObject, objectFromMetadata } from '../../../src/xpmn/profiles/metadata.ts';
import { formatTransferAnswer, formatTransferRequest, parseTransferAnswer, parseTransferRequest } from '../../../src/xpmn/profiles/transfer-codec.ts';
import type { TransferAnswer, TransferRequest } from '../../../src/xpmn/profiles/transfer-codec.ts';
import { settings } from '../../support/settings.ts';

const FOLDER = new URL('../../vectors/profiles/', import.meta.url);
const device = parseJid('romeo@home.test/nas-k3fq');
const limits = { defaultMax: settings.directory.defaultPage, max: settings.directory.maxPage };

interface Answer { readonly asked?: RangeRequest; readonly uid: string; readonly answer: TransferAnswer }

/** What can be written and read, by the first word of the vector's name. `write` is left out where only reading counts. */
const KINDS: Readonly<Record<string, { read(element: XmlElement, data: unknown): unknown; write?(data: unknown): XmlElement }>> = {
  item: { read: (element) => objectFromMetadata(element, device), write: (data) => metadataFromObject(data as MediaObject, device) },
  container: { read: (element) => objectFromMetadata(element, device), write: (data) => metadataFromObject(data as MediaObject, device) },
  query: { read: (element) => parseDirectoryQuery(element, limits), write: (data) => formatDirectoryQuery(data as Parameters<typeof formatDirectoryQuery>[0]) },
  resultset: { read: (element) => parseResultSet(element), write: (data) => xml('query', 'urn:xmpp:media:server:0', {}, formatResultSet(data as ResultSet)) },
  request: { read: (element) => parseTransferRequest(element), write: (data) => formatTransferRequest(data as TransferRequest) },
  answer: {
    read: (element, data) => ({ ...(data as Answer), answer: parseTransferAnswer(element, (data as Answer).asked) }),
    write: (data) => formatTransferAnswer((data as Answer).uid, (data as Answer).answer),
  },
  lenient: { read: (element, data) => ({ ...(data as Answer), answer: parseTransferAnswer(element, (data as Answer).asked) }) },
};

/** Without fields that are undefined: JSON has none. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const text = (file: string): string => readFileSync(new URL(file, FOLDER), 'utf8').trim();

describe('the vectors of the profiles', () => {
  const files = readdirSync(FOLDER);
  const names = files.filter((file) => file.endsWith('.xml')).map((file) => file.slice(0, -4));

  it('are complete', () => {
    assert.deepEqual(files.filter((file) => file.endsWith('.json') && file !== 'media-uris.json').map((file) => file.slice(0, -5)), names);
    for (const kind of Object.keys(KINDS)) assert.ok(names.some((name) => name.startsWith(`${kind}-`)), kind);
  });

  for (const name of names) {
    const kind = KINDS[name.split('-')[0] as string];
    const data = JSON.parse(text(`${name}.json`)) as unknown;
    it(`${name}: from the text`, () => {
      assert.deepEqual(plain(kind?.read(parseXml(text(`${name}.xml`), settings.xml.endToEndStream), data)), data);
    });
    if (kind?.write) it(`${name}: to the text`, () => assert.equal(serialise(kind.write?.(data) as XmlElement), text(`${name}.xml`)));
  }

  it('media URIs, both ways', () => {
    for (const { uri, device: jid, uid } of JSON.parse(text('media-uris.json')) as { uri: string; device: string; uid: string }[]) {
      assert.deepEqual(parseMediaUri(uri), { device: jid, uid });
      assert.equal(formatMediaUri({ device: parseJid(jid), uid }), uri);
    }
  });
});
