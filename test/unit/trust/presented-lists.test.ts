import assert from 'node:assert/strict';
import fc from 'fast-check';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { serialise } from '../../../src/xpmn/model/xml.ts';
import { BeginningReader, listsNaming } from '../../../src/xpmn/trust/presented-lists.ts';
import type { StreamBeginning } from '../../../src/xpmn/trust/presented-lists.ts';
import { listsElement } from '../../../src/xpmn/trust/signed-list.ts';
import type { VerifiedList } from '../../../src/xpmn/trust/signed-list.ts';
import { settings } from '../../support/settings.ts';
import { device, list, snapshot, somebody } from './world.ts';
import type { Somebody } from './world.ts';

const limits = settings.xml.presentedLists;
const HEADER = '<?xml version=\'1.0\'?><stream:stream to=\'a@b/c\'>';

/** What the reader makes of the text, given in these pieces; undefined if it wants more. */
function read(pieces: readonly (string | Uint8Array)[], within = limits): StreamBeginning | undefined {
  const reader = new BeginningReader(within);
  let beginning: StreamBeginning | undefined;
  const left: Buffer[] = [];
  for (const piece of pieces) {
    if (beginning) left.push(Buffer.from(piece));
    else beginning = reader.read(Buffer.from(piece));
  }
  return beginning && { ...beginning, rest: Buffer.concat([beginning.rest, ...left]) };
}

const fails = (pieces: readonly string[], code: string, within = limits): void =>
  assert.throws(() => read(pieces, within), (error) => error instanceof XpmnError && (assert.equal(error.code, code), true));

describe('lists that a peer shows', () => {
  let [user, host, tv, other]: Somebody[] = [];
  let lists: VerifiedList[];
  let text: string;

  before(async function () {
    this.timeout(60_000);
    [user, host, tv, other] = await Promise.all(['shown user', 'shown host', 'shown tv', 'shown other'].map(somebody)) as [Somebody, Somebody, Somebody, Somebody];
    const { [0]: u, [1]: h, [2]: t } = [user, host, tv] as [Somebody, Somebody, Somebody];
    lists = [
      list('devices', u, { devices: [device(h, 'a@x.test/host', { roles: 'host', aliases: ['old@x.test/host'] })] }),
      list('hosted', u, { devices: [device(t, 'a@x.test/tv', { aliases: ['old@x.test/tv'] })] }, h),
    ];
    text = serialise(listsElement(lists));
  });

  it('are the devices, and the hosted list that names the device', () => {
    const known = snapshot(user as Somebody, ...lists, list('friends', user as Somebody, {}));
    assert.deepEqual(listsNaming(known, parseJid('a@x.test/host')), lists.slice(0, 1));
    assert.deepEqual(listsNaming(known, parseJid('old@x.test/host')), lists.slice(0, 1));
    assert.deepEqual(listsNaming(known, parseJid('a@x.test/tv')), lists);
    assert.deepEqual(listsNaming(known, parseJid('old@x.test/tv')), lists);
    assert.deepEqual(listsNaming(known, parseJid('a@x.test/nobody')), lists.slice(0, 1));
    assert.deepEqual(listsNaming(snapshot(other as Somebody), parseJid('a@x.test/tv')), []);
  });

  it('are read whatever follows, split at every byte', () => {
    const whole = Buffer.from(text + HEADER);
    for (let at = 0; at <= whole.length; at += 1) {
      const beginning = read([whole.subarray(0, at), whole.subarray(at)]);
      assert.deepEqual(beginning?.lists?.map((element) => serialise(element)), lists.map(({ element }) => serialise(element)));
      assert.equal(beginning?.rest.toString(), HEADER);
    }
  });

  it('are read byte by byte', () => {
    const beginning = read([...Buffer.from(text + HEADER)].map((byte) => Uint8Array.of(byte)));
    assert.equal(beginning?.lists?.length, 2);
    assert.equal(beginning?.rest.toString(), HEADER);
  });

  it('may be none', () => {
    for (const empty of ['<lists xmlns=\'urn:xmpp:xpmn:trust:0\'/>', '<lists xmlns=\'urn:xmpp:xpmn:trust:0\' />', '<lists\n xmlns=\'urn:xmpp:xpmn:trust:0\'></lists \n>']) {
      assert.deepEqual(read([`${empty}${HEADER}`]), { lists: [], rest: Buffer.from(HEADER) });
    }
  });

  it('are told from everything else by the first bytes', () => {
    for (const first of [HEADER, '<stream:stream>', '<listsomething>', '<list>', ' <lists/>', '0 ready\r\n\r\n', '<LISTS>']) {
      for (let at = 0; at <= first.length; at += 1) {
        const beginning = read([first.slice(0, at), first.slice(at)]);
        assert.equal(beginning?.lists, undefined);
        assert.equal(beginning?.rest.toString(), first);
      }
      assert.equal(read([first.slice(0, 7)])?.rest.length, Math.min(7, first.length), 'seven bytes are enough');
    }
  });

  it('are waited for while they are not complete', () => {
    for (let at = 0; at < text.length; at += 97) assert.equal(read([text.slice(0, at)]), undefined);
  });

  it('are bounded', () => {
    const bytes = text.length;
    assert.equal(read([text], { ...limits, bytes })?.lists?.length, 2);
    fails([text], 'too-large', { ...limits, bytes: bytes - 1 });
    fails([text.slice(0, bytes)], 'too-large', { ...limits, bytes: bytes - 1 });
    fails(['<lists ', 'x'.repeat(limits.bytes)], 'too-large');
    const one = serialise((lists[0] as VerifiedList).element);
    fails([`<lists xmlns='urn:xmpp:xpmn:trust:0'>${one.repeat(3)}</lists>`], 'too-large');
    fails([`<lists xmlns='urn:xmpp:xpmn:trust:0'>${'<x/>'.repeat(limits.nodes)}</lists>`], 'too-large');
    assert.ok(limits.bytes > 2 * (4 * settings.xml.trustList.bytes / 3), 'two lists of the largest size fit');
  });

  it('have to make sense', () => {
    fails(['<lists/>'], 'malformed');
    fails(['<lists xmlns=\'urn:other\'/>'], 'malformed');
    fails(['<lists xmlns=\'urn:xmpp:xpmn:trust:0\'><signed></lists>'], 'malformed');
    fails(['<lists xmlns=\'urn:xmpp:xpmn:trust:0\'><!-- </lists> --></lists>'], 'malformed');
    fails(['<lists xmlns=\'urn:xmpp:xpmn:trust:0\'><!-- --></lists>'], 'xml-restricted');
  });

  it('never make the reader fail otherwise, or lose a byte', () => {
    fc.assert(fc.property(fc.array(fc.oneof(fc.constantFrom('<lists', ' ', '>', '/>', '</lists', '</lists>', 'x'), fc.string()), { maxLength: 12 }), (pieces) => {
      let beginning: StreamBeginning | undefined;
      try {
        beginning = read(pieces);
      } catch (error) {
        assert.ok(error instanceof XpmnError);
        return;
      }
      if (beginning && !beginning.lists) assert.equal(beginning.rest.toString(), Buffer.from(pieces.join('')).toString());
    }));
  });
});
