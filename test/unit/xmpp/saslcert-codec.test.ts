import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import fc from 'fast-check';
import { parseXml } from '../../../src/xpmn/model/xml-parser.ts';
import { serialise, xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { SASLCERT_0, SASLCERT_1 } from '../../../src/xpmn/xmpp/saslcert-codec.ts';
import type { NewCertificate, SaslCertCodec, StoredCertificate } from '../../../src/xpmn/xmpp/saslcert-codec.ts';
import { arbitraryElement } from '../../support/arbitrary-xml.ts';
import { settings } from '../../support/settings.ts';

const VECTORS = new URL('../../vectors/saslcert/', import.meta.url);
const limits = settings.xmpp.clientCertificates;
const CODECS: readonly SaslCertCodec[] = [SASLCERT_1, SASLCERT_0];

interface Vector {
  readonly dialect: string;
  readonly list?: true;
  readonly add?: Omit<NewCertificate, 'certificate'> & { readonly certificate: string };
  readonly remove?: { readonly id: string; readonly how: 'disable' | 'revoke' };
  readonly answer?: readonly (Omit<StoredCertificate, 'certificate'> & { readonly certificate: string | null })[];
}

const bytes = (base64: string): Buffer => Buffer.from(base64, 'base64');
const read = (codec: SaslCertCodec, result: XmlElement): StoredCertificate[] => codec.parseList(codec.findList(result) as XmlElement, limits);

describe('the vectors of certificate management', () => {
  const files = readdirSync(VECTORS).sort();
  // A missing half fails here.
  for (const name of new Set(files.map((file) => file.replace(/\.(xml|json)$/, '')))) {
    const element = parseXml(readFileSync(new URL(`${name}.xml`, VECTORS)), settings.xml.serverStream);
    const { dialect, list, add, remove, answer } = JSON.parse(readFileSync(new URL(`${name}.json`, VECTORS), 'utf8')) as Vector;
    const codec = CODECS.find((one) => one.dialect === dialect) as SaslCertCodec;

    it(name, () => {
      assert.ok(codec);
      const written = list ? codec.formatList() : add ? codec.formatAdd({ ...add, certificate: bytes(add.certificate) }) : remove && codec.formatRemove(remove.id, remove.how);
      if (written) assert.equal(serialise(written), serialise(element));
      else assert.deepEqual(read(codec, element).map(({ certificate, ...rest }) => ({ ...rest, certificate: certificate?.toString('base64') ?? null })), answer);
    });
  }
});

describe('what a server says of certificates', () => {
  const { answer } = JSON.parse(readFileSync(new URL('answer-1.json', VECTORS), 'utf8')) as Vector;
  const der = bytes(answer?.[0]?.certificate ?? '');
  const list = (codec: SaslCertCodec, ...items: XmlElement[]): XmlElement => xml('items', codec.dialect, {}, items);
  const item = (codec: SaslCertCodec, id: string, text = der.toString('base64'), ...more: XmlElement[]): XmlElement =>
    xml('item', codec.dialect, { id }, xml('name', codec.dialect, {}, id), xml('x509cert', codec.dialect, {}, text), more);

  for (const codec of CODECS) {
    describe(codec.dialect, () => {
      it('is bounded', () => {
        const many = Array.from({ length: limits.entries + 1 }, (_, i) => item(codec, `n${i}`, ''));
        assert.equal(codec.parseList(list(codec, ...many), limits).length, limits.entries);
        const long = 'x'.repeat(limits.nameLength);
        assert.deepEqual(codec.parseList(list(codec, item(codec, long), item(codec, `${long}x`)), limits).map(({ id }) => id), [long]);
        const padded = Buffer.concat([der, Buffer.alloc(limits.certificateBytes)]).toString('base64');
        assert.equal(codec.parseList(list(codec, item(codec, 'large', padded)), limits)[0]?.certificate, undefined);
        const users = xml('users', codec.dialect, {}, [`${long}x`, ...Array.from({ length: limits.resources + 1 }, (_, i) => `r${i}`)].map((name) => xml('resource', codec.dialect, {}, name)));
        const resources = codec.parseList(list(codec, item(codec, 'users', undefined, users)), limits)[0]?.resources ?? [];
        assert.deepEqual([resources.length, resources[0]], [limits.resources, 'r0']);
      });

      it('is an answer only in its own namespace', () => {
        const result = (...payload: XmlElement[]): XmlElement => xml('iq', 'jabber:client', { type: 'result' }, payload);
        const other = CODECS.find((one) => one !== codec) as SaslCertCodec;
        assert.equal(codec.findList(result()), undefined);
        assert.equal(codec.findList(result(list(other), xml('items', 'urn:x'))), undefined);
        assert.ok(codec.findList(result(list(other), list(codec))));
      });

      it('never throws', () => {
        fc.assert(fc.property(arbitraryElement(), (payload) => void codec.parseList(payload, limits)));
        fc.assert(fc.property(fc.array(arbitraryElement()), (parts) => void codec.parseList(list(codec, xml('item', codec.dialect, { id: 'x' }, xml('name', codec.dialect, {}, 'x'), parts)), limits)));
        const damaged = fc.tuple(fc.nat(der.length - 1), fc.nat(255), fc.nat(der.length)).map(([at, byte, end]) => Buffer.concat([der.subarray(0, at), Buffer.from([byte]), der.subarray(at + 1)]).subarray(0, end));
        fc.assert(fc.property(damaged, (certificate) => void codec.parseList(list(codec, item(codec, 'x', certificate.toString('base64'))), limits)), { numRuns: 500 });
      });
    });
  }
});
