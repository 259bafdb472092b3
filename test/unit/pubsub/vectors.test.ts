import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { Jid } from '../../../src/xpmn/model/jid.ts';
import { serialise, withAttrs, xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { parseXml } from '../../../src/xpmn/model/xml-parser.ts';
import { formatHint, parseHint } from '../../../src/xpmn/profiles/management-hint.ts';
import type { Hint } from '../../../src/xpmn/profiles/management-hint.ts';
import { NS_PUBSUB, formatAnswer, formatEvent, formatRequest, parseAnswer, parseEvent, parseRequest } from '../../../src/xpmn/xmpp/pubsub-codec.ts';
import type { PubsubAnswer, PubsubEvent, PubsubRequest } from '../../../src/xpmn/xmpp/pubsub-codec.ts';
import { arbitraryElement } from '../../support/arbitrary-xml.ts';
import { settings } from '../../support/settings.ts';

const FOLDER = new URL('../../vectors/pubsub/', import.meta.url);

interface Asked { readonly type: 'get' | 'set'; readonly request: PubsubRequest }
type Told = Omit<Hint, 'from'> & { readonly to: Jid };

const request = {
  read: (element: XmlElement, data: unknown): unknown => ({ ...(data as Asked), request: parseRequest((data as Asked).type, element) }),
  write: (data: unknown): XmlElement => formatRequest((data as Asked).request),
};

/** What can be written and read, by the first word of the vector's name. `write` is left out where only reading counts. */
const KINDS: Readonly<Record<string, { read(element: XmlElement, data: unknown): unknown; write?(data: unknown): XmlElement }>> = {
  request,
  answer: { read: (element) => parseAnswer(element), write: (data) => formatAnswer(data as PubsubAnswer) },
  event: { read: (element) => parseEvent(xml('message', 'jabber:client', {}, element)), write: (data) => formatEvent(data as PubsubEvent) },
  hint: {
    read: (element, data) => ({ to: (data as Told).to, ...parseHint(withAttrs(element, { from: 'romeo@home.test/desk' })), from: undefined }),
    write: (data) => formatHint((data as Told).to, data as Told),
  },
  lenient: { read: request.read },
};

/** Without fields that are undefined: JSON has none. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const text = (file: string): string => readFileSync(new URL(file, FOLDER), 'utf8').trim();
const element = (xmlText: string): XmlElement => parseXml(xmlText, settings.xml.endToEndStream);

describe('the vectors of publish-subscribe', () => {
  const files = readdirSync(FOLDER);
  const names = files.filter((file) => file.endsWith('.xml')).map((file) => file.slice(0, -4));

  it('are complete', () => {
    assert.deepEqual(files.filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -5)), names);
    for (const kind of Object.keys(KINDS)) assert.ok(names.some((name) => name.startsWith(`${kind}-`)), kind);
  });

  for (const name of names) {
    const kind = KINDS[name.split('-')[0] as string];
    const data = JSON.parse(text(`${name}.json`)) as unknown;
    it(`${name}: from the text`, () => assert.deepEqual(plain(kind?.read(element(text(`${name}.xml`)), data)), data));
    if (kind?.write) it(`${name}: to the text`, () => assert.equal(serialise(kind.write?.(data) as XmlElement), text(`${name}.xml`)));
  }
});

describe('publish-subscribe of any content', () => {
  const word = fc.stringMatching(/^[!-~]{1,20}$/);
  const item = fc.record({ id: word, payload: fc.option(arbitraryElement(), { nil: undefined }) });
  const again = (written: XmlElement): XmlElement => element(serialise(written));

  it('comes back as it was sent: requests', () => fc.assert(fc.property(
    fc.oneof(
      fc.record({ action: fc.constant('items' as const), node: word, ids: fc.array(word) }),
      fc.record({ action: fc.constant('publish' as const), node: word, id: word, payload: arbitraryElement() }),
      fc.record({ action: fc.constant('retract' as const), node: word, id: word }),
      fc.record({ action: fc.constantFrom('subscribe' as const, 'unsubscribe' as const), node: word, jid: word }),
    ),
    (asked) => assert.deepEqual(plain(parseRequest(asked.action === 'items' ? 'get' : 'set', again(formatRequest(asked)))), plain(withPayload(asked, again))))));

  it('comes back as it was sent: events', () => fc.assert(fc.property(
    fc.record({ node: word, published: fc.array(item), retracted: fc.array(word) }),
    (told) => {
      const read = parseEvent(again(xml('message', 'jabber:client', {}, formatEvent(told))));
      assert.deepEqual(plain(read), plain({ ...told, published: told.published.map((one) => withPayload(one, again)) }));
    })));

  /** Neighbouring texts are one when they are read. */
  function withPayload<T extends object>(of: T, read: (payload: XmlElement) => XmlElement): T {
    return 'payload' in of && of.payload ? { ...of, payload: read(of.payload as XmlElement) } : of;
  }
});

describe('publish-subscribe that makes no sense', () => {
  const wrong: readonly [type: 'get' | 'set', inner: string, code: string, condition?: string][] = [
    ['get', '', 'bad-request'],
    ['get', '<items xmlns="urn:x" node="n"/>', 'bad-request'],
    ['set', '<items node="n"/>', 'bad-request'],
    ['get', '<publish node="n"><item/></publish>', 'bad-request'],
    ['get', '<items/>', 'bad-request', 'nodeid-required'],
    ['get', '<items node=""/>', 'bad-request', 'nodeid-required'],
    ['get', '<items node="n" max_items="0"/>', 'bad-request'],
    ['get', '<items node="n" max_items="all"/>', 'bad-request'],
    ['get', '<items node="n"><item/></items>', 'bad-request', 'item-required'],
    ['set', '<publish node="n"/>', 'bad-request', 'item-required'],
    ['set', '<publish node="n"><item id="a"/></publish>', 'bad-request', 'payload-required'],
    ['set', '<publish node="n"><item id="a">text</item></publish>', 'bad-request', 'payload-required'],
    ['set', '<publish node="n"><item id="a"><a/><b/></item></publish>', 'bad-request', 'invalid-payload'],
    ['set', '<publish node="n"><item id="a"><a/></item><item id="b"><a/></item></publish>', 'bad-request'],
    ['set', '<retract node="n"/>', 'bad-request', 'item-required'],
    ['set', '<retract node="n"><item/></retract>', 'bad-request', 'item-required'],
    ['set', '<subscribe node="n"/>', 'bad-request', 'invalid-jid'],
    ['set', '<unsubscribe node="n"/>', 'bad-request', 'invalid-jid'],
    ['set', '<dance node="n"/>', 'bad-request'],
    ['set', '<create node="n"/><configure/>', 'not-supported', 'unsupported'],
    ['get', '<subscriptions/>', 'not-supported', 'unsupported'],
    ['get', '<affiliations/>', 'not-supported', 'unsupported'],
  ];
  for (const [type, inner, code, condition] of wrong) {
    it(`${type} ${inner}: ${code}${condition ? ` ${condition}` : ''}`, () => {
      assert.throws(() => parseRequest(type, element(`<pubsub xmlns='${NS_PUBSUB}'>${inner}</pubsub>`)),
        (error) => error instanceof XpmnError && error.code === code && error.details['condition'] === condition);
    });
  }

  it('is no answer, no event and no hint', () => {
    for (const inner of ['', '<items/>', '<publish node="n"/>', '<subscription node="n" jid="a@b/c" subscription="pending"/>']) {
      assert.equal(parseAnswer(element(`<pubsub xmlns='${NS_PUBSUB}'>${inner}</pubsub>`)), undefined);
    }
    for (const inner of ['', '<items/>']) assert.equal(parseEvent(element(`<message xmlns='jabber:client'><event xmlns='${NS_PUBSUB}#event'>${inner}</event></message>`)), undefined);
    const changed = '<changed xmlns="urn:xmpp:xpmn:management:0" node="n"/>';
    for (const hint of [
      `<message xmlns='jabber:client'>${changed}</message>`,
      `<message xmlns='jabber:client' from='romeo@home.test'>${changed}</message>`,
      `<message xmlns='jabber:client' from='romeo@home.test/x' type='error'>${changed}</message>`,
      `<presence xmlns='jabber:client' from='romeo@home.test/x'>${changed}</presence>`,
      "<message xmlns='jabber:client' from='romeo@home.test/x'><changed xmlns='urn:xmpp:xpmn:management:0'/></message>",
      "<message xmlns='jabber:client' from='romeo@home.test/x'><changed xmlns='urn:x' node='n'/></message>",
    ]) assert.equal(parseHint(element(hint)), undefined, hint);
  });
});
