import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { serialise, xml } from '../../../../src/xpmn/model/xml.ts';
import { parseXml } from '../../../../src/xpmn/model/xml-parser.ts';
import { describeFlow, FLOW_NS, parseFlow, type FlowTerms } from '../../../../src/xpmn/jingle/applications/oob-description.ts';
import { settings } from '../../../support/settings.ts';

const NS = 'urn:xmpp:jingle:apps:out-of-band:0';
const vectors = new URL('../../../vectors/oob/', import.meta.url);
const names = [...new Set(readdirSync(vectors).filter((file) => file.startsWith('description-')).map((file) => file.replace(/\.\w+$/, '')))];

describe('out-of-band description', () => {
  for (const name of names) {
    const text = readFileSync(new URL(`${name}.xml`, vectors), 'utf8').trim();
    const { namespace, flow, canonical } = JSON.parse(readFileSync(new URL(`${name}.json`, vectors), 'utf8')) as { namespace: string; flow?: FlowTerms; canonical: boolean };
    it(`reads ${name}`, () => assert.deepEqual(parseFlow(parseXml(text, settings.xml.endToEndStream)), flow));
    if (canonical && flow) it(`writes ${name}`, () => assert.equal(serialise(describeFlow(namespace, flow)), text));
  }

  const bad: Record<string, Record<string, string>> = {
    'a window of nothing': { window: '0' }, 'a negative window': { window: '-1' }, 'hexadecimal': { window: '0x100' },
    'an empty window': { window: '' }, 'a window above 2^31': { window: '2147483649' }, 'an endless number': { window: '1'.repeat(100) },
    'chunks too small for a line of credit': { 'max-chunk': '79' }, 'no streams': { 'max-streams': '0' }, 'half a stream': { 'max-streams': '1.5' },
  };
  for (const [what, attrs] of Object.entries(bad)) {
    it(`refuses ${what}`, () => assert.throws(() => parseFlow(xml('description', NS, {}, xml('flow', FLOW_NS, attrs))), { code: 'malformed' }));
  }

  it('refuses what describes something else', () => {
    assert.throws(() => parseFlow(xml('description', 'urn:xmpp:jingle:apps:xmlstream:0')), { code: 'malformed' });
    assert.throws(() => parseFlow(xml('other', NS)), { code: 'malformed' });
  });
});
