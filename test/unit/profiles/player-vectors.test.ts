import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ControlName, ControlVariable, PlaybackStatus, PlayingItem } from '../../../src/xpmn/model/playback.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import { elements, serialise, xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { parseXml } from '../../../src/xpmn/model/xml-parser.ts';
import type { OpenRequest, OpenedList } from '../../../src/xpmn/ports/playback-control.ts';
import { metadataFromPlaying, playingFromMetadata } from '../../../src/xpmn/profiles/metadata.ts';
import { formatCommand, formatItems, formatOpen, formatOpened, formatState, formatStatus, parseCommand, parseOpen, parseOpened, parseStatus } from '../../../src/xpmn/profiles/playback-codec.ts';
import type { PlaybackCommand } from '../../../src/xpmn/profiles/playback-codec.ts';
import { formatControl, formatControlQuery, formatControls, formatVariable, parseControl, parseControlQuery, parseControls, parseSetting, parseVariable } from '../../../src/xpmn/profiles/rendering-codec.ts';
import { arbitraryElement } from '../../support/arbitrary-xml.ts';
import { settings } from '../../support/settings.ts';

const FOLDER = new URL('../../vectors/players/', import.meta.url);
const limits = settings.playback;

/** What can be written and read, by the first word of the vector's name; of `lenient` ones, by the second, only read. */
const KINDS: Readonly<Record<string, { read(element: XmlElement): unknown; write(data: unknown): XmlElement }>> = {
  open: { read: (element) => parseOpen(element, limits), write: (data) => formatOpen(data as OpenRequest) },
  opened: {
    read: (element) => parseOpened(element, elements(element)[0] as XmlElement),
    write: (data) => formatOpened(data as OpenedList, formatItems((data as OpenedList).items)),
  },
  playing: { read: playingFromMetadata, write: (data) => metadataFromPlaying(data as PlayingItem) },
  command: { read: parseCommand, write: (data) => formatCommand(data as PlaybackCommand) },
  status: { read: parseStatus, write: (data) => formatStatus(data as PlaybackStatus) },
  state: { read: parseStatus, write: (data) => formatState(data as PlaybackStatus) },
  setting: { read: parseSetting, write: (data) => formatControl(data as ControlVariable[]) },
  variable: { read: parseVariable, write: (data) => formatVariable(data as ControlVariable) },
  controlquery: { read: parseControlQuery, write: (data) => formatControlQuery(data as ControlName[]) },
  controls: { read: parseControls, write: (data) => formatControls(data as ControlName[]) },
};

/** Without fields that are undefined: JSON has none. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const text = (file: string): string => readFileSync(new URL(file, FOLDER), 'utf8').trim();
const player = (inner: string): XmlElement => parseXml(inner.replace(/^<([a-z-]+)/, `<$1 xmlns='${NS.player}'`), settings.xml.endToEndStream);
const control = (inner: string): XmlElement => parseXml(`<control xmlns='${NS.control}'>${inner}</control>`, settings.xml.endToEndStream);

describe('the vectors of playback and rendering', () => {
  const files = readdirSync(FOLDER);
  const names = files.filter((file) => file.endsWith('.xml')).map((file) => file.slice(0, -4));

  it('are complete', () => {
    assert.deepEqual(files.filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -5)), names);
    for (const kind of Object.keys(KINDS)) assert.ok(names.some((name) => name.startsWith(`${kind}-`)), kind);
  });

  for (const name of names) {
    const [first, second] = name.split('-') as [string, string];
    const kind = KINDS[first === 'lenient' ? second : first];
    const data = JSON.parse(text(`${name}.json`)) as unknown;
    it(`${name}: from the text`, () => {
      assert.deepEqual(plain(kind?.read(parseXml(text(`${name}.xml`), settings.xml.endToEndStream))), data);
    });
    if (first !== 'lenient') it(`${name}: to the text`, () => assert.equal(serialise(kind?.write(data) as XmlElement), text(`${name}.xml`)));
  }
});

describe('what no player understands', () => {
  const refused = (parse: () => unknown, code: string): void => assert.throws(parse, (error) => error instanceof XpmnError && error.code === code);

  for (const [inner, code] of [
    ['<open/>', 'bad-request'], ['<open><uri/></open>', 'bad-request'], ['<open><uri>a:b</uri><uri> </uri></open>', 'bad-request'],
    ['<open autoplay="yes"><uri>a:b</uri></open>', 'bad-request'], ['<open position="soon"><uri>a:b</uri></open>', 'bad-request'], ['<open position="-1"><uri>a:b</uri></open>', 'not-acceptable'],
    [`<open><uri>a:${'b'.repeat(limits.uriLength)}</uri></open>`, 'too-large'], [`<open>${'<uri>a:b</uri>'.repeat(limits.uris + 1)}</open>`, 'too-large'],
  ] as const) it(`${inner.slice(0, 60)}: ${code}`, () => refused(() => parseOpen(player(inner), limits), code));

  for (const [inner, code] of [
    ['<seek/>', 'bad-request'], ['<seek position="1" offset="1"/>', 'bad-request'], ['<seek position="1" percent="1"/>', 'bad-request'], ['<seek offset="1" percent="1"/>', 'bad-request'],
    ['<seek position=""/>', 'bad-request'], ['<seek position="1e3"/>', 'bad-request'], ['<seek offset="--1"/>', 'bad-request'], ['<seek offset="- 1"/>', 'bad-request'], ['<seek percent="half"/>', 'bad-request'],
    ['<seek position="-0.5"/>', 'not-acceptable'], ['<seek percent="100.5"/>', 'not-acceptable'], ['<seek percent="-1"/>', 'not-acceptable'],
    ['<jump/>', 'bad-request'], ['<jump index="-1"/>', 'bad-request'], ['<jump index="1.5"/>', 'bad-request'], ['<dance/>', 'bad-request'], ['<constructor/>', 'bad-request'],
  ] as const) it(`${inner}: ${code}`, () => refused(() => parseCommand(player(inner)), code));

  for (const [inner, code] of [
    ['', 'bad-request'], ['<variable>1</variable>', 'bad-request'], ['<variable name="volume">1</variable><variable name="volume">1</variable>', 'bad-request'],
    ['<variable name="brightness">1</variable>', 'not-found'], ['<variable name="constructor">1</variable>', 'not-found'], ['<variable name="volume">1</variable><variable name="x">1</variable>', 'not-found'],
    ['<variable name="volume"/>', 'not-acceptable'], ['<variable name="volume">101</variable>', 'not-acceptable'], ['<variable name="volume">-1</variable>', 'not-acceptable'],
    ['<variable name="volume">5.5</variable>', 'not-acceptable'], ['<variable name="mute">yes</variable>', 'not-acceptable'], ['<variable name="mute"/>', 'not-acceptable'],
  ] as const) it(`set ${inner}: ${code}`, () => refused(() => parseSetting(control(inner)), code));

  it('is no variable that an answer or an event tells of', () => {
    assert.deepEqual(parseControl(control('<variable name="volume"/><variable name="x">1</variable><variable name="mute">0</variable>')), [{ name: 'mute', value: false }]);
    refused(() => parseControlQuery(control('<variable name="x"/>')), 'not-found');
    assert.equal(parseVariable(xml('value', NS.control, { name: 'volume' }, '1')), undefined);
  });

  it('is no state, and no item', () => {
    for (const wrong of [player('<dancing/>'), player('<status/>'), player('<status state="status"/>')]) assert.equal(parseStatus(wrong), undefined);
    for (const wrong of [player('<item/>'), xml('container', NS.metadata, { id: 'a' })]) assert.equal(playingFromMetadata(wrong), undefined);
  });

  const WORDS: Readonly<Record<string, string>> = { open: NS.player, seek: NS.player, jump: NS.player, status: NS.player, control: NS.control, variable: NS.control, item: NS.metadata };

  it('ends in a coded error, or is understood', () => fc.assert(fc.property(arbitraryElement(), fc.constantFrom(...Object.keys(WORDS)), (some, name) => {
    const element = { ...some, name, ns: WORDS[name] as string };
    for (const parse of [(one: XmlElement) => parseOpen(one, limits), parseCommand, parseSetting, parseControlQuery, parseStatus, parseControl, parseControls, parseVariable, playingFromMetadata, (one: XmlElement) => parseOpened(one, one)]) {
      try {
        parse(element);
      } catch (error) {
        assert.ok(error instanceof XpmnError && ['bad-request', 'not-acceptable', 'not-found', 'too-large'].includes(error.code), String(error));
      }
    }
  })));

  it('a place comes back as it was, whatever it is', () => fc.assert(fc.property(fc.constantFrom('position', 'offset', 'percent'), fc.integer({ min: -100_000, max: 100_000 }).map((thousandths) => thousandths / 1000), (kind, value) => {
    const target = { [kind]: kind === 'offset' ? value : Math.abs(value) } as { offset: number };
    assert.deepEqual(parseCommand(formatCommand({ name: 'seek', target })), { name: 'seek', target: value === 0 ? { [kind]: 0 } : target });
  })));
});
